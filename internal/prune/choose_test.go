package prune

import (
	"reflect"
	"testing"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	all := [][]int64{{0, 1, 2}, {0, 1, 2}}
	for name, c := range map[string]struct {
		present  [][]int64
		usage    [][]float64
		minUsage float64
		want     [][]int64
	}{
		"each block its own":       {all, [][]float64{{0.01, 0.5, 0.49}, {0.6, 0.01, 0.39}}, 0.05, [][]int64{{1, 2}, {0, 2}}},
		"just enough stays":        {all, [][]float64{{0.05, 0.5, 0.45}, {0.9, 0.1, 0}}, 0.05, [][]int64{{0, 1, 2}, {0, 1}}},
		"never the last":           {all, [][]float64{{0.2, 0.3, 0.5}, {0.5, 0.5, 0}}, 0.6, [][]int64{{2}, {0}}},
		"zero removes nothing":     {all, [][]float64{{0, 0, 1}, {1, 0, 0}}, 0, all},
		"of those that were there": {[][]int64{{0, 2}, {1}}, [][]float64{{0.5, 0, 0.5}, {0, 1, 0}}, 0.6, [][]int64{{0}, {1}}},
	} {
		if got := choose(c.present, c.usage, c.minUsage); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: kept %v, want %v", name, got, c.want)
		}
	}
}
