// Package data reads text and hands it to training and evaluation as batches
// of token ids.
//
// A source (plain text, JSONL or Parquet, each plain, .gz or .zst) is tokenised
// once into shards in the per-user cache (Prepare). A Dataset reads documents
// from shards with positioned reads, never with a memory map, and keeps no list
// of documents: its resident memory does not grow with the text. A Loader
// deals the documents to the lanes of training in a shuffled order that can be
// computed at any index, so its cursor is small and restores in O(1); an
// Evaluation walks every document once from its first token.
//
// The package needs no libtorch. Shapes: B lanes of a micro-batch, T positions
// of a segment.
package data
