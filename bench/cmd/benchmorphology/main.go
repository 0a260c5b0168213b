// Command benchmorphology measures the morphological segmenter on gold that it
// holds out by word. It splits the gold by a hash of the word (or of the
// lemma's first letters), trains on a text's word types and the larger part,
// cuts the other part's words and writes the cuts, the split and the speed.
// bench/morphology.sh runs it and the scorer.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"agiformer/internal/tokenizer/morphology"
)

type settings struct {
	gold, text, dic, aff, out, split string
	noGold                           bool
	rounds, epochs                   int
}

func main() {
	var s settings
	flag.StringVar(&s.gold, "gold", "", "gold file: TSV of surface, lemma, segments, tags, alternatives, count")
	flag.StringVar(&s.text, "text", "", "training text; without one, the gold alone")
	flag.StringVar(&s.dic, "dic", "", "hunspell word list")
	flag.StringVar(&s.aff, "aff", "", "its affix file")
	flag.StringVar(&s.out, "out", "build/morphology", "folder for train.tsv, test.tsv, words.tsv and model.json")
	flag.StringVar(&s.split, "split", "word", "hold out by word, or by lemma: roots that training has not seen")
	flag.BoolVar(&s.noGold, "without-gold", false, "train on the text alone")
	flag.IntVar(&s.rounds, "rounds", 0, "passes over the raw words (0: the default)")
	flag.IntVar(&s.epochs, "epochs", 0, "passes over the gold in each fit (0: the default)")
	flag.Parse()
	if err := run(&s); err != nil {
		fmt.Fprintln(os.Stderr, "benchmorphology:", err)
		os.Exit(1)
	}
}

func run(s *settings) error {
	if s.gold == "" || s.split != "word" && s.split != "lemma" {
		return errors.New("-gold is needed, and -split is word or lemma")
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	train, test, err := splitGold(s)
	if err != nil {
		return err
	}
	words, err := countWords(s.text)
	if err != nil {
		return err
	}
	entries, err := readList(s.dic, s.aff)
	if err != nil {
		return err
	}
	if s.noGold {
		train = nil
	}
	begin := cpuTime()
	segmenter, err := morphology.Train(context.Background(), words, train, entries, morphology.Options{Rounds: s.rounds, Epochs: s.epochs, Progress: progress})
	if err != nil {
		return err
	}
	fmt.Printf("trained on %d gold words, %d word types, %d listed words in %.1f s of one thread\n",
		len(train), len(words), len(entries), (cpuTime() - begin).Seconds())
	if err := writeModel(segmenter, filepath.Join(s.out, "model.json")); err != nil {
		return err
	}
	if err := writeCuts(segmenter, test, filepath.Join(s.out, "words.tsv")); err != nil {
		return err
	}
	return measureSpeed(segmenter, s.text, test)
}

// splitGold writes the two parts of the gold and returns them: a fifth, by the
// hash of the word in small letters, is held out.
func splitGold(s *settings) (train, test []morphology.GoldWord, err error) {
	data, err := os.ReadFile(s.gold)
	if err != nil {
		return nil, nil, err
	}
	header, body, _ := strings.Cut(string(data), "\n")
	parts := [2]strings.Builder{}
	for i := range parts {
		parts[i].WriteString(header + "\n")
	}
	for line := range strings.Lines(body) {
		fields := strings.SplitN(line, "\t", 3)
		part := 0
		if len(fields) == 3 && heldOut(fields[0], fields[1], s.split) {
			part = 1
		}
		parts[part].WriteString(line)
	}
	words := [2][]morphology.GoldWord{}
	for i, name := range []string{"train.tsv", "test.tsv"} {
		text := parts[i].String()
		if err := os.WriteFile(filepath.Join(s.out, name), []byte(text), 0o644); err != nil {
			return nil, nil, err
		}
		if words[i], err = morphology.ReadGold(strings.NewReader(text)); err != nil {
			return nil, nil, err
		}
	}
	return words[0], words[1], nil
}

func heldOut(surface, lemma, split string) bool {
	key := strings.ToLowerSpecial(unicode.TurkishCase, surface)
	if split == "lemma" {
		letters := []rune(strings.ToLowerSpecial(unicode.TurkishCase, lemma))
		key = string(letters[:min(len(letters), 4)])
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return h.Sum64()>>32&0xffff < 13107
}

// readWords returns the runs of letters of a text in order, at most limit.
func readWords(path string, limit int) ([][]byte, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	words := bytes.FieldsFunc(data, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) })
	return words[:min(len(words), limit)], err
}

func countWords(path string) (map[string]int64, error) {
	list, err := readWords(path, math.MaxInt)
	words := map[string]int64{}
	for _, w := range list {
		words[string(w)]++
	}
	return words, err
}

func readList(dic, aff string) ([]morphology.LexiconEntry, error) {
	if dic == "" {
		return nil, nil
	}
	words, err := os.Open(dic)
	if err != nil {
		return nil, err
	}
	defer func() { _ = words.Close() }()
	if aff == "" {
		return morphology.ReadHunspell(words, nil)
	}
	affixes, err := os.Open(aff)
	if err != nil {
		return nil, err
	}
	defer func() { _ = affixes.Close() }()
	return morphology.ReadHunspell(words, affixes)
}

func writeModel(segmenter *morphology.Segmenter, path string) error {
	data, err := json.Marshal(segmenter)
	if err != nil {
		return err
	}
	fmt.Printf("model of %.1f MB\n", float64(len(data))/1e6)
	return os.WriteFile(path, data, 0o644)
}

// writeCuts writes a line a word: the word, its morphemes and their tags.
func writeCuts(segmenter *morphology.Segmenter, test []morphology.GoldWord, path string) error {
	var b strings.Builder
	var morphemes []morphology.Morpheme
	for _, g := range test {
		morphemes = segmenter.Segment([]byte(g.Surface), morphemes[:0])
		var pieces, tags []string
		for _, m := range morphemes {
			pieces = append(pieces, g.Surface[m.Start:m.End])
			tags = append(tags, m.Tag.String())
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\n", g.Surface, strings.Join(pieces, "|"), strings.Join(tags, "|"))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// measureSpeed prints words a second of one thread: word types without the
// cache, and running text with it.
func measureSpeed(segmenter *morphology.Segmenter, path string, test []morphology.GoldWord) error {
	var morphemes []morphology.Morpheme
	begin, n := cpuTime(), 0
	for n < 200_000 {
		for _, g := range test {
			morphemes = segmenter.Segment([]byte(g.Surface), morphemes[:0])
			n++
		}
	}
	fmt.Printf("%.0f words/s without the cache (held-out types)\n", float64(n)/(cpuTime()-begin).Seconds())
	text, err := readWords(path, 1_000_000)
	if err != nil || len(text) == 0 {
		return err
	}
	cache := morphology.NewCache(segmenter, 1<<17)
	for _, pass := range []string{"first", "second"} {
		begin = cpuTime()
		for _, w := range text {
			morphemes = cache.Segment(w, morphemes[:0])
		}
		fmt.Printf("%.0f words/s with the cache (%d words of running text, %s pass)\n",
			float64(len(text))/(cpuTime()-begin).Seconds(), len(text), pass)
	}
	return nil
}

// cpuTime is the processor time of this process: on a busy machine it says
// what wall time does not.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func progress(stage string, done, total int) {
	if done%50_000 == 0 || stage == "fitting" {
		fmt.Fprintf(os.Stderr, "%s %d/%d, %.0f s\n", stage, done, total, cpuTime().Seconds())
	}
}
