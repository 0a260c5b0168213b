// Package words writes numbers of things in sentences.
package words

import "fmt"

// Count writes a number of things whose plural takes an s: 1 document, 2
// documents, 0 documents.
func Count[N ~int | ~int64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
