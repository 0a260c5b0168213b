// Package introspection is the last block's loop (docs/model.md, Introspection): a
// self-model looks at the states, judges them and corrects them, up to N times,
// and each token leaves the loop when its own halting probability says so
// (adaptive computation time, Graves 2016).
//
// Two of its heads are supervised by what the model itself predicts: the error
// detector tells from the states alone whether the first guess will be wrong and
// gates the correction; the confidence is the probability that the guess is
// right, and knows the prediction too. Halting, heads and losses are computed in float32 whatever the type
// of the products.
//
// Letters in the comments: B lanes, T positions of a segment, d model width, H'
// heads of width h' and inner width d' = H'·h' of the attention, N iterations at
// most, V vocabulary.
package introspection
