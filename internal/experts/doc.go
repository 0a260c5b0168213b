// Package experts holds the mixture of experts of a block: the router with
// its load-balancing loss, the dispatch that gives each expert only its
// tokens, and the experts themselves. A new expert is one file with a Kind
// and one Register line.
//
// Letters in the comments: B lanes, T positions, d model width, E experts,
// k experts a token, C the places of an expert in a lane, H' and h' heads and
// head width inside an expert.
package experts
