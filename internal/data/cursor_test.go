package data_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"agiformer/internal/data"
)

// A loader that goes on from a cursor makes the same steps, also from a cursor
// of a loader that went on itself, wherever it stopped.
func TestCursor(t *testing.T) {
	t.Parallel()
	ds := lines(t, numbered(23, 50))
	for _, opts := range []data.LoaderOptions{
		{Lanes: 4, BatchSize: 2, SeqLen: 6, Seed: 3},
		{Lanes: 4, BatchSize: 2, SeqLen: 6, Seed: 3, Isolate: true},
		{Lanes: 4, BatchSize: 2, SeqLen: 80, Seed: 3, Isolate: true},
	} {
		straight := take(t, load(t, ds, opts), 120)
		r := rand.New(rand.NewPCG(1, 1))
		for at := 0; at < len(straight); {
			n := min(1+r.IntN(20), len(straight)-at)
			for i, s := range take(t, load(t, ds, opts), n) {
				if !reflect.DeepEqual(s, straight[at+i]) {
					t.Fatalf("isolate %v: step %d differs after a restored cursor", opts.Isolate, at+i)
				}
			}
			at += n
			opts.Cursor = straight[at-1].Cursor
		}
		if len(opts.Cursor) > 2000 {
			t.Errorf("the cursor takes %d bytes for 4 lanes", len(opts.Cursor))
		}
	}
}

// Another number of lanes starts the open documents again, before any others,
// and still deals every document of the epoch.
func TestCursorOfOtherLanes(t *testing.T) {
	t.Parallel()
	docs := numbered(40, 60)
	ds := lines(t, docs)
	for _, lanes := range []int{1, 2, 9} {
		before := take(t, load(t, ds, data.LoaderOptions{Lanes: 4, BatchSize: 4, SeqLen: 10, Seed: 3}), 5)
		seen := map[string]bool{}
		open := 0
		for _, s := range streams(before) {
			parts := strings.Split(text(s.ids), end)
			for _, d := range parts[:len(parts)-1] {
				seen[d] = true
			}
			if parts[len(parts)-1] != "" {
				open++
			}
		}
		l := load(t, ds, data.LoaderOptions{Lanes: lanes, BatchSize: lanes, SeqLen: 10, Seed: 3, Cursor: before[4].Cursor})
		if l.Restarted() != open {
			t.Errorf("%d lanes: %d documents restarted, want %d", lanes, l.Restarted(), open)
		}
		rest := take(t, l, 1)
		for rest[len(rest)-1].Epoch == 0 {
			rest = append(rest, take(t, l, 1)...)
		}
		rest = append(rest, take(t, l, 10)...) // what was open at the epoch's end
		for _, s := range streams(rest) {
			for _, d := range strings.Split(text(s.ids), end) {
				seen[d] = true
			}
		}
		for _, d := range docs {
			if !seen[d] {
				t.Errorf("%d lanes: document %q was lost", lanes, d)
			}
		}
	}
}

func TestLoaderRefuses(t *testing.T) {
	t.Parallel()
	ds, other := lines(t, numbered(5, 10)), lines(t, numbered(6, 10))
	good := data.LoaderOptions{Lanes: 2, BatchSize: 1, SeqLen: 4, Seed: 1}
	cursor := take(t, load(t, ds, good), 1)[0].Cursor
	var fields map[string]any
	if err := json.Unmarshal(cursor, &fields); err != nil {
		t.Fatal(err)
	}
	fields["next"] = 1000
	damaged, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		ds   *data.Dataset
		opts data.LoaderOptions
		want string
	}{
		"lanes":       {ds, data.LoaderOptions{Lanes: 3, BatchSize: 2, SeqLen: 4}, "multiple"},
		"other data":  {other, data.LoaderOptions{Lanes: 2, BatchSize: 1, SeqLen: 4, Seed: 1, Cursor: cursor}, "data.train"},
		"other seed":  {ds, data.LoaderOptions{Lanes: 2, BatchSize: 1, SeqLen: 4, Seed: 2, Cursor: cursor}, "seed is 2"},
		"no JSON":     {ds, data.LoaderOptions{Lanes: 2, BatchSize: 1, SeqLen: 4, Seed: 1, Cursor: cursor[1:]}, "cursor"},
		"a bad place": {ds, data.LoaderOptions{Lanes: 2, BatchSize: 1, SeqLen: 4, Seed: 1, Cursor: damaged}, "damaged"},
	}
	for name, c := range cases {
		if _, err := data.NewLoader(c.ds, c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
