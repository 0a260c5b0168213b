// Command benchmorphology measures the segmenter on gold held out by word.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"agiformer/internal/tokenizer/morphology"
)

func main() {
	goldPath := flag.String("gold", "", "")
	testPath := flag.String("test", "", "")
	textPath := flag.String("text", "", "")
	dicPath := flag.String("dic", "", "")
	out := flag.String("out", "W.tsv", "")
	rounds := flag.Int("rounds", 2, "")
	epochs := flag.Int("epochs", 8, "")
	flag.Parse()
	gold := read(*goldPath)
	words := map[string]int64{}
	if *textPath != "" {
		f, _ := os.Open(*textPath)
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<24)
		for sc.Scan() {
			for _, w := range strings.FieldsFunc(sc.Text(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) }) {
				words[w]++
			}
		}
	}
	var lex []morphology.LexiconEntry
	_ = dicPath
	t := time.Now()
	s, err := morphology.Train(words, gold, lex, morphology.Options{Rounds: *rounds, Epochs: *epochs, Progress: func(st string, d, n int) {
		if st == "fitting" {
			fmt.Fprintln(os.Stderr, st, d, n, time.Since(t).Round(time.Second))
		}
	}})
	if err != nil {
		panic(err)
	}
	o, _ := os.Create(*out)
	b := bufio.NewWriter(o)
	test := read(*testPath)
	t = time.Now()
	var m []morphology.Morpheme
	for _, g := range test {
		m = s.Segment([]byte(g.Surface), m[:0])
		var p, tags []string
		for _, x := range m {
			p = append(p, g.Surface[x.Start:x.End])
			tags = append(tags, x.Tag.String())
		}
		fmt.Fprintf(b, "%s\t%s\t%s\n", g.Surface, strings.Join(p, "|"), strings.Join(tags, "|"))
	}
	d := time.Since(t)
	b.Flush()
	fmt.Fprintf(os.Stderr, "%.0f words/s\n", float64(len(test))/d.Seconds())
}

func read(p string) []morphology.GoldWord {
	f, err := os.Open(p)
	if err != nil {
		panic(err)
	}
	g, err := morphology.ReadGold(f)
	if err != nil {
		panic(err)
	}
	return g
}
