// Package experts holds the mixture of experts of a block: the router with
// its load-balancing loss, the dispatch that gives each expert only its
// tokens, and the experts themselves. A new expert is one file with a Kind
// and one Register line.
//
// Without a capacity limit an expert's tokens of all lanes lie end to end in one
// row, [1, C, d]; what is computed token by token need not know. An attention must
// go through its cache (nn.Cache.Each, or what calls it), which keeps the lanes apart.
//
// Letters in the comments: B lanes, T positions, d model width, E experts,
// k experts a token, C the places of an expert in a row, H' and h' heads and
// head width inside an expert.
package experts
