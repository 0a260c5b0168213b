// Package hydra composes configuration trees the way Hydra 1.3 and OmegaConf
// do: YAML 1.1 files, defaults lists with groups and packages, command-line
// overrides, interpolation and sweeps.
//
// The stages, each in its own files:
//
//	yaml.go, scalar.go          a file to a tree of nodes, scalars as YAML 1.1
//	override*.go, functions.go  one command-line override to a parsed value
//	source.go, defaults*.go     which files make the configuration, in order
//	merge.go, update.go         the files, then the overrides, into one tree
//	interp*.go, resolve*.go     ${...} to values
//	sweep.go, emit.go           a sweep's jobs; the tree as YAML or JSON
//
// Every node knows the file and line, or the override, that it came from.
// Where Hydra's behaviour surprises, the code follows Hydra.
package hydra
