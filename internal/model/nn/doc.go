// Package nn holds the pieces that the model, its experts and its memory are
// built from: parameter specifications that need no libtorch, linear maps and
// norms, rotary tables, fused attention and the key/value cache of decoding.
//
// Letters in the comments: B lanes, T positions, d width, H heads, h head width.
package nn
