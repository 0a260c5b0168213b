package data_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/tokenizertest"
)

// read runs an evaluation and puts each document's inputs and targets together
// again.
func read(t *testing.T, ev *data.Evaluation) (inputs, targets map[int64]string) {
	t.Helper()
	inputs, targets = map[int64]string{}, map[int64]string{}
	for b, ok := ev.Next(); ok; b, ok = ev.Next() {
		count, longest := int64(0), int64(0)
		for i := range b.B {
			doc, row := b.Docs[i], i*b.T
			valid := row + int(b.Lengths[i])
			longest = max(longest, b.Lengths[i])
			count += b.Lengths[i]
			if slices.ContainsFunc(b.IDs[valid:row+b.T], func(id int64) bool { return id != 0 }) {
				t.Fatal("padding is not 0")
			}
			if doc < 0 {
				if b.Starts[i] != -1 || b.Lengths[i] != 0 || b.Reset[i] {
					t.Fatal("an idle lane holds something")
				}
				continue
			}
			if b.Starts[i] != int64(len(inputs[doc])) || b.Reset[i] != (b.Starts[i] == 0) {
				t.Fatalf("document %d goes on at %d after %d inputs, reset %v", doc, b.Starts[i], len(inputs[doc]), b.Reset[i])
			}
			inputs[doc] += text(b.IDs[row:valid])
			targets[doc] += text(b.Targets[row:valid])
		}
		if b.TargetCount != count || b.ByteCount != count || int64(b.T) != longest {
			t.Fatalf("%d targets, %d bytes, T %d counted; want %d and T %d", b.TargetCount, b.ByteCount, b.T, count, longest)
		}
	}
	if err := ev.Err(); err != nil {
		t.Fatal(err)
	}
	return inputs, targets
}

// Every token but the first of a document is predicted once from all before.
func TestEvaluation(t *testing.T) {
	t.Parallel()
	docs := append(numbered(25, 40), "x", "xy")
	ds := lines(t, docs)
	for _, lanes := range []int{1, 4, 100} {
		for _, seqLen := range []int{1, 7, 1000} {
			ev := data.NewEvaluation(ds, data.EvaluationOptions{BatchSize: lanes, SeqLen: seqLen})
			total := ev.Tokens()
			inputs, targets := read(t, ev)
			predicted := int64(0)
			for i, want := range docs {
				if got := inputs[int64(i)]; got != want[:len(want)-1] {
					t.Errorf("inputs of document %d are %q, want all but the last of %q", i, got, want)
				}
				if got := targets[int64(i)]; got != want[1:] {
					t.Errorf("targets of document %d are %q, want all but the first of %q", i, got, want)
				}
				predicted += int64(len(want) - 1)
			}
			if total != predicted {
				t.Errorf("%d tokens announced, %d predicted", total, predicted)
			}
		}
	}
}

// With SkipBytes the first tokens of a document are inputs only; tokens of
// several bytes count by their first one.
func TestEvaluationSkips(t *testing.T) {
	t.Parallel()
	docs := []string{"evlerimizden denizlere arabalar", "masalar kediler evlerimizden", "göz", "x"}
	tok := tokenizer.NewMorphoPiece(tokenizertest.Unigram(t, morphopiece.FirstPiece+120))
	dir := write(t, map[string]string{"lines.txt": strings.Join(docs, "\n")})
	ds, _, err := data.Prepare(context.Background(), data.Options{Paths: []string{dir}, Split: data.SplitLine, CacheDir: t.TempDir()}, tok)
	if err != nil {
		t.Fatal(err)
	}
	defer ds.Close()
	const skip = 9
	ev := data.NewEvaluation(ds, data.EvaluationOptions{BatchSize: 2, SeqLen: 3, SkipBytes: skip})
	got := make([]string, len(docs))
	read := make([]int64, len(docs)) // bytes of the inputs so far
	for b, ok := ev.Next(); ok; b, ok = ev.Next() {
		predicted, bytes := int64(0), int64(0)
		for i, target := range b.Targets {
			lane := i / b.T
			if doc := b.Docs[lane]; int64(i%b.T) < b.Lengths[lane] {
				read[doc] += int64(tok.TokenBytes(int32(b.IDs[i])))
				if b.Offsets[i] != read[doc] || (target == 0) != (read[doc] < skip) {
					t.Fatalf("document %d: offset %d after %d bytes, target %d", doc, b.Offsets[i], read[doc], target)
				}
				got[doc] += string(tok.Decode([]int32{int32(target)}))
			}
			if target != 0 {
				predicted, bytes = predicted+1, bytes+int64(tok.TokenBytes(int32(target)))
			}
		}
		if b.TargetCount != predicted || b.ByteCount != bytes {
			t.Fatalf("%d targets of %d bytes counted, there are %d of %d", b.TargetCount, b.ByteCount, predicted, bytes)
		}
	}
	for i, text := range docs {
		if !strings.HasSuffix(text, got[i]) || len(text) > skip+4 && (got[i] == "" || len(text)-len(got[i]) < skip) {
			t.Errorf("predicted of %q is %q", text, got[i])
		}
	}
}

func TestEvaluationBound(t *testing.T) {
	t.Parallel()
	docs := numbered(25, 40)
	ds := lines(t, docs)
	for _, most := range []int64{1, 50, 100000} {
		run := func(lanes int) map[int64]string {
			_, targets := read(t, data.NewEvaluation(ds, data.EvaluationOptions{BatchSize: lanes, SeqLen: 8, MaxTokens: most}))
			return targets
		}
		one, four := run(1), run(4)
		all, count := ds.Tokens()-ds.Documents(), int64(0)
		for doc, got := range one {
			count += int64(len(got))
			if got != four[doc] || !strings.HasPrefix(docs[doc][1:], got) {
				t.Errorf("document %d: %q predicted with one lane, %q with four", doc, got, four[doc])
			}
		}
		if count != min(most, all) {
			t.Errorf("%d tokens predicted, want %d", count, min(most, all))
		}
	}
}

func TestHoldOut(t *testing.T) {
	t.Parallel()
	docs := numbered(2000, 10)
	docs = append(docs, docs[:50]...) // again
	ds := lines(t, docs)
	train, valid, err := ds.HoldOut(0.05)
	if err != nil {
		t.Fatal(err)
	}
	defer train.Close()
	defer valid.Close()
	a, b := texts(t, train), texts(t, valid)
	if len(b) < 50 || len(b) > 160 {
		t.Errorf("%d of %d documents are held out, want about 5 %%", len(b), len(docs))
	}
	together := slices.Sorted(slices.Values(slices.Concat(a, b)))
	if !slices.Equal(together, slices.Sorted(slices.Values(docs))) {
		t.Error("the two sides are not the documents")
	}
	for _, d := range b {
		if slices.Contains(a, d) {
			t.Errorf("document %q is on both sides", d)
		}
	}
	if train.Tokens()+valid.Tokens() != ds.Tokens() || train.Bytes()+valid.Bytes() != ds.Bytes() {
		t.Error("the tokens and bytes of the two sides are not the whole's")
	}
	if train.Hash() == valid.Hash() || train.Hash() == ds.Hash() {
		t.Error("different subsets have the same hash")
	}
	// Both still serve after the whole is closed, and the loader takes them.
	if err := ds.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range streams(take(t, load(t, train, data.LoaderOptions{Lanes: 1, BatchSize: 1, SeqLen: 500}), 60)) {
		for _, d := range strings.Split(text(s.ids), end) {
			seen[d] = true
		}
	}
	for _, d := range b {
		if seen[d] {
			t.Errorf("the held-out document %q was trained on", d)
		}
	}
}

func TestHoldOutOfFew(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int64{1: 0, 2: 1, 3: 1} {
		for other := range 20 {
			docs := numbered(n, 5)
			for i := range docs {
				docs[i] += fmt.Sprint(" of text ", other)
			}
			train, valid, err := lines(t, docs).HoldOut(0.05)
			if err != nil {
				t.Fatal(err)
			}
			if valid.Documents() != want || train.Documents() != int64(n)-want {
				t.Errorf("%d documents: %d train, %d valid", n, train.Documents(), valid.Documents())
			}
			if train.Close() != nil || valid.Close() != nil {
				t.Error("closing failed")
			}
		}
	}
}
