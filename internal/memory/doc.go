// Package memory holds what a stream carries from segment to segment: the
// working memory (the last tokens of earlier segments, looked up by the context in
// which they stood), the bank (slots addressed by content, written through a gate)
// and their fusion with the input. docs/model.md, Memory, is the exact
// computation.
//
// Letters in the comments: B lanes, T positions, d width, H heads, h head
// width, N slots, W tokens that are kept at most, c entries to look up: one less than
// the tokens that a lane keeps.
package memory
