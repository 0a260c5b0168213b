package data_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
)

// load starts a loader that the test's end closes.
func load(t *testing.T, ds *data.Dataset, opts data.LoaderOptions) *data.Loader {
	t.Helper()
	l, err := data.NewLoader(ds, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// take returns the next n steps.
func take(t *testing.T, l *data.Loader, n int) []*data.Step {
	t.Helper()
	var steps []*data.Step
	for range n {
		s, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, s)
	}
	return steps
}

// streams puts the segments of each lane one behind the other.
type stream struct {
	ids, targets, types, places, vowels, words []int64
	resets                                     []bool // by segment
}

func streams(steps []*data.Step) []stream {
	var lanes []stream
	for _, s := range steps {
		lane := 0
		for _, b := range s.Micro {
			for i := range b.B {
				if lane == len(lanes) {
					lanes = append(lanes, stream{})
				}
				l := &lanes[lane]
				from, to := i*b.T, i*b.T+int(b.Lengths[i])
				l.ids = append(l.ids, b.IDs[from:to]...)
				l.targets = append(l.targets, b.Targets[from:to]...)
				l.types = append(l.types, b.Types[from:to]...)
				l.places = append(l.places, b.Places[from:to]...)
				l.vowels = append(l.vowels, b.Vowels[from:to]...)
				l.words = append(l.words, b.Words[from:to]...)
				l.resets = append(l.resets, b.Reset[i])
				lane++
			}
		}
	}
	return lanes
}

func text(ids []int64) string {
	out := make([]byte, len(ids))
	for i, id := range ids {
		out[i] = byte(id)
	}
	return string(out)
}

const end = "\x03"

// Every document comes exactly once an epoch, whole, whatever the shape, and
// in another order the next time.
func TestEpochs(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 10, 64, 257} {
		docs := numbered(n, 30)
		ds := lines(t, docs)
		for _, lanes := range []int{1, 4, 7} {
			l := load(t, ds, data.LoaderOptions{Lanes: lanes, BatchSize: lanes, SeqLen: 5, Seed: int64(n)})
			tokens := int(ds.Tokens()+ds.Documents()) * (3 + lanes) // some epochs
			seen := map[string]int{}
			for _, s := range streams(take(t, l, tokens/(5*lanes)+1)) {
				parts := strings.Split(text(s.ids), end)
				for _, d := range parts[:len(parts)-1] {
					seen[d]++
				}
			}
			// Lanes hold one open document each, so counts differ by that.
			low, high, total := 1<<30, 0, 0
			for _, d := range docs {
				low, high, total = min(low, seen[d]), max(high, seen[d]), total+seen[d]
			}
			if len(seen) != n || high-low > 1+lanes {
				t.Errorf("%d documents, %d lanes: %d different ones came, from %d to %d times", n, lanes, len(seen), low, high)
			}
		}
	}
}

// With one lane the order can be read off: each epoch is a permutation.
func TestOneLaneOrder(t *testing.T) {
	t.Parallel()
	const n = 50
	docs := numbered(n, 20)
	ds := lines(t, docs)
	orders := func(seed int64) [][]string {
		l := load(t, ds, data.LoaderOptions{Lanes: 1, BatchSize: 1, SeqLen: 16, Seed: seed})
		steps := take(t, l, 300)
		parts := strings.Split(text(streams(steps)[0].ids), end)
		var list [][]string
		for i := 0; i+n < len(parts); i += n {
			list = append(list, parts[i:i+n])
		}
		if steps[0].Epoch != 0 || steps[len(steps)-1].Epoch < int64(len(list))-1 {
			t.Errorf("epochs %d to %d reported for %d epochs", steps[0].Epoch, steps[len(steps)-1].Epoch, len(list))
		}
		return list
	}
	first := orders(1)
	if len(first) < 3 {
		t.Fatalf("only %d epochs came", len(first))
	}
	want := slices.Sorted(slices.Values(docs))
	for i, order := range first {
		if got := slices.Sorted(slices.Values(order)); !slices.Equal(got, want) {
			t.Errorf("epoch %d is no permutation of the documents", i)
		}
	}
	if slices.Equal(first[0], first[1]) || slices.Equal(first[0], docs) {
		t.Error("the order is not shuffled anew each epoch")
	}
	if !reflect.DeepEqual(first, orders(1)) {
		t.Error("the order differs with the same seed")
	}
	if slices.Equal(first[0], orders(2)[0]) {
		t.Error("the order is the same with another seed")
	}
}

// What comes depends on neither the number of steps made ahead nor the split
// of the lanes into micro-batches.
func TestLanesDoNotDependOnPrefetchOrBatch(t *testing.T) {
	t.Parallel()
	ds := lines(t, numbered(40, 60))
	reference := streams(take(t, load(t, ds, data.LoaderOptions{Lanes: 12, BatchSize: 12, SeqLen: 8, Seed: 5}), 30))
	for _, opts := range []data.LoaderOptions{
		{BatchSize: 12, Prefetch: 1}, {BatchSize: 12, Prefetch: 50}, {BatchSize: 1}, {BatchSize: 3}, {BatchSize: 6},
	} {
		opts.Lanes, opts.SeqLen, opts.Seed = 12, 8, 5
		if got := streams(take(t, load(t, ds, opts), 30)); !reflect.DeepEqual(got, reference) {
			t.Errorf("batch size %d, prefetch %d: the lanes hold something else", opts.BatchSize, opts.Prefetch)
		}
	}
}

// Targets are the next inputs, counts fit them, and a stream resets exactly at
// the segment after one that held a document's end.
func TestTargetsAndResets(t *testing.T) {
	t.Parallel()
	const seqLen = 7
	ds := lines(t, numbered(30, 40))
	steps := take(t, load(t, ds, data.LoaderOptions{Lanes: 3, BatchSize: 3, SeqLen: seqLen, Seed: 9}), 100)
	for _, s := range streams(steps) {
		for i := range len(s.ids) - 1 {
			want := s.ids[i+1]
			if s.ids[i] == 3 {
				want = 0 // the next document is not predicted from this one
			}
			if s.targets[i] != want {
				t.Fatalf("target %d is %d, want %d", i, s.targets[i], want)
			}
		}
		for k, reset := range s.resets {
			want := k == 0 || slices.Contains(s.ids[(k-1)*seqLen:k*seqLen], 3)
			if reset != want {
				t.Fatalf("segment %d: reset %v, want %v", k, reset, want)
			}
		}
	}
	for _, step := range steps {
		targets, bytes := int64(0), int64(0)
		for _, b := range step.Micro {
			for _, target := range b.Targets {
				if target != 0 {
					targets++
				}
				if target != 0 && target != 3 {
					bytes++
				}
			}
		}
		if step.Targets != targets || step.Bytes != bytes {
			t.Fatalf("%d targets and %d bytes counted, want %d and %d", step.Targets, step.Bytes, targets, bytes)
		}
	}
}

// The features are those of a labeler that runs along the lane, the word index
// starts anew with each segment.
func TestFeatures(t *testing.T) {
	t.Parallel()
	const seqLen = 11
	docs := []string{"üç elma 12 armut.", "Ilık, güneşli bir öğleden sonra; İzmir'de", "a", "kuş 🙂 sesi"}
	ds := lines(t, docs)
	for _, s := range streams(take(t, load(t, ds, data.LoaderOptions{Lanes: 2, BatchSize: 1, SeqLen: seqLen}), 40)) {
		labeler := ds.Tokenizer().NewLabeler()
		word := int64(0)
		for i, id := range s.ids {
			if i%seqLen == 0 {
				word = 0
			}
			label := labeler.Next(int32(id))
			if label.WordStart {
				word++
			}
			want := [4]int64{int64(label.Type), int64(label.Place), int64(label.Vowel), word}
			if got := [4]int64{s.types[i], s.places[i], s.vowels[i], s.words[i]}; got != want {
				t.Fatalf("features of input %d are %v, want %v", i, got, want)
			}
		}
	}
}

// With isolated packing lanes are full of documents, whole but where a lane's end
// cuts one, which then goes on; each starts with features of its own, and the
// last input of each has its end as the target.
func TestIsolate(t *testing.T) {
	t.Parallel()
	docs := numbered(20, 30)
	ds := lines(t, docs)
	eod := int64(tokenizer.NewByte().EndOfDocument())
	seen := map[string]int{}
	open, cut := make([]string, 4), 0
	for _, step := range take(t, load(t, ds, data.LoaderOptions{Lanes: 4, BatchSize: 2, SeqLen: 50, Isolate: true}), 60) {
		for m, b := range step.Micro {
			for i := range b.B {
				lane, at := 2*m+i, i*b.T
				if b.Reset[i] != (open[lane] == "") {
					t.Fatalf("a lane with %q open has reset %v", open[lane], b.Reset[i])
				}
				for k, n := range b.Documents[i] {
					part := b.IDs[at : at+int(n)]
					open[lane] += text(part)
					if b.Words[at] > 1 || (b.Places[at] != 0 && (k > 0 || b.Reset[i])) {
						t.Errorf("document %q starts as word %d, place %d", text(part), b.Words[at], b.Places[at])
					}
					at += int(n)
					last := b.Targets[at-1]
					if (last == eod) != slices.Contains(docs, open[lane]) {
						t.Fatalf("after %q comes %d", open[lane], last)
					}
					if last != eod {
						cut++
						if at != (i+1)*b.T {
							t.Fatalf("document %q is cut within a lane", open[lane])
						}
						continue
					}
					seen[open[lane]]++
					open[lane] = ""
				}
				if at != (i+1)*b.T || b.Lengths[i] != int64(b.T) || slices.Contains(b.IDs, eod) {
					t.Fatal("a lane is not full of documents")
				}
			}
		}
	}
	if len(seen) != len(docs) || cut == 0 {
		t.Errorf("%d of %d documents came whole, %d were cut", len(seen), len(docs), cut)
	}
}

// A run that goes on with the other packing begins each lane with what is left
// of its document.
func TestIsolateFromAStream(t *testing.T) {
	t.Parallel()
	ds := lines(t, numbered(20, 30))
	for length := 5; length < 40; length++ { // some end with a segment
		opts := data.LoaderOptions{Lanes: 2, BatchSize: 2, SeqLen: length, Seed: 1}
		before := take(t, load(t, ds, opts), 3)
		opts.Cursor, opts.Isolate = before[2].Cursor, true
		b := take(t, load(t, ds, opts), 1)[0].Micro[0]
		for i, lane := range streams(before) {
			last := lane.ids[len(lane.ids)-1]
			goesOn := text([]int64{last}) != end && text(lane.targets[len(lane.targets)-1:]) != end
			held := strings.Contains(text(lane.ids[2*length:]), end) // then its stream starts anew in any case
			if b.Reset[i] != (held || !goesOn) || len(b.Documents[i]) == 0 || slices.Contains(b.Documents[i], 0) {
				t.Errorf("segments of %d, lane %d: reset %v, documents %v; goes on: %v", length, i, b.Reset[i], b.Documents[i], goesOn)
			}
		}
	}
}

func TestNextStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l := load(t, lines(t, numbered(5, 10)), data.LoaderOptions{Lanes: 1, BatchSize: 1, SeqLen: 4, Prefetch: 1})
	for range 100 { // steps that are ready come all the same, then the context counts
		if _, err := l.Next(ctx); err != nil {
			if err != context.Canceled {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
			break
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
