// Package model is AGIFORMER: embeddings, memory, blocks of attention and
// mixture of experts, and the output head, with incremental decoding.
// docs/model.md is the exact computation; everything is causal.
//
// All functions that compute are called inside a job (torch.Do). A Model owns
// its parameters until Free, a State and a Decoder their tensors until theirs;
// what Forward returns lives in the caller's scope.
//
// Letters in the comments: B lanes, T positions of a segment, d model width,
// V vocabulary, L layers, E experts, k experts a token.
package model
