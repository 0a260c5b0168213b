// Package conf embeds the shipped configuration tree, so that an installed
// binary composes its defaults wherever it is started from.
package conf

import "embed"

// Files is this folder's tree of YAML files.
//
//go:embed config.yaml model tokenizer training data hardware experiment
var Files embed.FS
