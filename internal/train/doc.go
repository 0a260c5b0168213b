// Package train fits a model to text: the loop (loop.go), and one file for each
// of its concerns. A run is a folder; whatever ends the process, the folder's
// newest checkpoint is whole, and a run taken up again from it has the losses,
// bit for bit on a CPU, that it would have had.
//
// Letters in comments: B lanes of a micro-batch, T positions of a segment,
// V vocabulary, E experts.
package train
