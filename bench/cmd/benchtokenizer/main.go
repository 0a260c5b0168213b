// Command benchtokenizer measures how fast a tokenizer encodes the lines of a
// file, and writes ids for the scorer (bench/tokenizer.sh).
//
//	benchtokenizer --tokenizer FILE --speed TEXT [--threads 1,2] [--rounds 5]
//	benchtokenizer --tokenizer FILE --ids TEXT > ids.txt
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"agiformer/internal/tokenizer"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "benchtokenizer:", err)
		os.Exit(1)
	}
}

func run() error {
	file := flag.String("tokenizer", "", "tokenizer.json")
	speed := flag.String("speed", "", "text to encode again and again")
	ids := flag.String("ids", "", "text whose ids are printed, line by line")
	threads := flag.String("threads", "1", "numbers of goroutines, separated by commas")
	rounds := flag.Int("rounds", 5, "rounds; the median counts")
	flag.Parse()
	t, err := tokenizer.Open(*file)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(*speed + *ids)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if *ids != "" {
		return printIDs(t, lines)
	}
	fmt.Printf("first pass, nothing remembered: %s\n", once(t, lines, 1, len(text)))
	for field := range strings.SplitSeq(*threads, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return fmt.Errorf("--threads %q: expected whole numbers separated by commas", *threads)
		}
		var results []rate
		for range *rounds {
			results = append(results, once(t, lines, n, len(text)))
		}
		slices.SortFunc(results, func(a, b rate) int { return int(1e6 * (a.cpu - b.cpu)) })
		fmt.Printf("%d threads: %s\n", n, results[len(results)/2])
	}
	return nil
}

// rate is how fast a pass went, in MB/s of time on the clock and of time that
// processors worked.
type rate struct{ wall, cpu float64 }

func (r rate) String() string {
	return fmt.Sprintf("%.1f MB/s of wall time, %.1f MB/s of processor time", r.wall, r.cpu)
}

// once encodes all lines in n goroutines.
func once(t tokenizer.Tokenizer, lines [][]byte, n, size int) rate {
	begun, before := time.Now(), processorTime()
	var wait sync.WaitGroup
	for w := range n {
		wait.Go(func() {
			var ids []int32
			for _, line := range lines[w*len(lines)/n : (w+1)*len(lines)/n] {
				ids = t.AppendEncode(ids[:0], line)
			}
		})
	}
	wait.Wait()
	megabytes := float64(size) / 1e6
	return rate{megabytes / time.Since(begun).Seconds(), megabytes / (processorTime() - before)}
}

// processorTime returns the seconds that this process has worked.
func processorTime() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func printIDs(t tokenizer.Tokenizer, lines [][]byte) error {
	out := bufio.NewWriter(os.Stdout)
	for _, line := range lines {
		for i, id := range t.Encode(line) {
			if i > 0 {
				_ = out.WriteByte(' ') // Flush returns the error
			}
			_, _ = out.WriteString(strconv.Itoa(int(id)))
		}
		_ = out.WriteByte('\n')
	}
	return out.Flush()
}
