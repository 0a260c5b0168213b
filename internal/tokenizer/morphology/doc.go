// Package morphology cuts Turkish words into morphemes.
//
// A word is read as letters (phonology.go). A root lexicon (lexicon.go) and a
// suffix automaton written from Turkish grammar (grammar.go, automaton.go)
// span a lattice of all analyses (lattice.go). A log-linear model (features.go)
// weighs them: root evidence from gold and raw text, transitions of up to
// three tags, suffix forms, and stems attested as a whole or as cut. Its
// weights come from the likelihood of the gold cuts (crf.go), or without gold
// from expectation maximisation over raw words (em.go). Unknown roots are
// guessed at every place where the rest of the word is a chain of suffixes.
//
// Weights are multiples of 1/1024, so scores are exact sums and a word is cut
// the same way on every machine.
package morphology
