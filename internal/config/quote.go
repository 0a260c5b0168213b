package config

import (
	"regexp"
	"strings"
)

// beforeQuote matches a run of backslashes that stands before a quote or at the
// end, the only places where Hydra reads a backslash as an escape.
var beforeQuote = regexp.MustCompile(`\\+('|$)`)

// Quote writes a value so that an override takes it literally, as text.
func Quote(value string) string {
	doubled := beforeQuote.ReplaceAllStringFunc(value, func(run string) string {
		slashes := strings.TrimSuffix(run, "'")
		return slashes + run
	})
	return "'" + strings.ReplaceAll(doubled, "'", `\'`) + "'"
}
