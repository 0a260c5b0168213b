package main

import (
	"reflect"
	"testing"

	"agiformer/internal/data"
)

// Every document of a packed batch comes in a row of its own, with padding of 0.
func TestPadder(t *testing.T) {
	t.Parallel()
	column := func(first int64) []int64 {
		values := make([]int64, 8)
		for i := range values {
			values[i] = first + int64(i)
		}
		return values
	}
	packed := &data.Batch{
		B: 2, T: 4, Documents: [][]int64{{1, 3}, {4}},
		IDs: column(10), Targets: column(20), Types: column(30), Places: column(40), Vowels: column(50), Words: column(60),
	}
	p := &padder{rows: 3, next: func() (*data.Batch, error) { return packed, nil }}
	got, err := p.batch()
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{10, 0, 0, 0, 11, 12, 13, 0, 14, 15, 16, 17}
	if got.B != 3 || got.T != 4 || !reflect.DeepEqual(got.IDs, want) || !reflect.DeepEqual(got.Lengths, []int64{1, 3, 4}) || got.TargetCount != 8 {
		t.Errorf("got %+v", got)
	}
	for i, v := range got.Words {
		if (v == 0) != (want[i] == 0) || v != 0 && v != want[i]+50 {
			t.Errorf("place %d has word %d for id %d", i, v, want[i])
		}
	}
}
