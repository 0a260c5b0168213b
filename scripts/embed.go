// Package scripts embeds the scripts that the program itself runs.
package scripts

import "embed"

// Corpus holds fetch_corpus.sh and what it needs, at the paths they have here.
//
//go:embed fetch_corpus.sh lib.sh corpus/*.py
var Corpus embed.FS
