// The byte tokenizer: text to ids and back, and what the language expert is
// told of each token (docs/model.md, "Token features"). It needs no libtorch.
//
//	go run ./examples/tokenizer "Çocuklar bahçede oynuyor."
package main

import (
	"fmt"
	"os"
	"strings"

	"agiformer/internal/tokenizer"
)

// The names of the byte tokenizer's types and vowel classes.
var (
	types  = []string{"padding", "document's end", "word starts", "in a word", "digit", "space", "line end", "other"}
	vowels = []string{"-", "a ı", "o u", "e i", "ö ü"}
)

func main() {
	text := strings.Join(os.Args[1:], " ")
	if text == "" {
		text = "Çocuklar bahçede oynuyor."
	}
	tok := tokenizer.NewByte()
	ids := tok.Encode([]byte(text))
	fmt.Printf("%d bytes, %d ids of a vocabulary of %d\n", len(text), len(ids), tok.VocabSize())
	fmt.Println("  id  type            place  last vowel")
	labeler := tok.NewLabeler()
	for _, id := range ids {
		label := labeler.Next(id)
		fmt.Printf("%4d  %-14s  %5d  %s\n", id, types[label.Type], label.Place, vowels[label.Vowel])
	}
	fmt.Println("decoded:", string(tok.Decode(ids)))
}
