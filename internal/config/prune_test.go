package config_test

import (
	"reflect"
	"testing"

	"agiformer/internal/config"
)

// What WithBlockExperts writes is read back, also into a configuration of
// before the key, and nothing else changes.
func TestWithBlockExperts(t *testing.T) {
	t.Parallel()
	kept := [][]int64{{0}, {0, 1}, {1}, {0, 1}, {0, 1}, {0, 1}, {0, 1}, {1}}
	for name, tree := range map[string]*config.Tree{"with the key": compose(t), "without it": compose(t, "model.block_experts=[[0]]", "~model.block_experts")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := config.Load(tree, known)
			if err != nil {
				t.Fatal(err)
			}
			text, err := config.WithBlockExperts(tree.YAML(), "config.yaml", kept)
			if err != nil {
				t.Fatal(err)
			}
			got, err := config.Parse(text, "config.yaml", known)
			if err != nil {
				t.Fatal(err)
			}
			want.Model.BlockExperts = kept
			if !reflect.DeepEqual(got, want) {
				t.Errorf("read back as %+v, want %+v", got, want)
			}
		})
	}
}

func TestExpertsOfABlock(t *testing.T) {
	t.Parallel()
	one, two := int64(1), int64(2)
	type routed struct {
		kept          []int64
		topK, removed int64
		router        bool
	}
	for name, c := range map[string]struct {
		topK   *int64
		blocks [][]int64
		want   routed
	}{
		"all":                        {&two, nil, routed{[]int64{0, 1, 2}, 2, 0, true}},
		"two of three":               {&two, [][]int64{{0, 2}}, routed{[]int64{0, 2}, 2, 0, true}},
		"one of three":               {&two, [][]int64{{2}}, routed{[]int64{2}, 1, 0, false}},
		"two of three, one a token":  {&one, [][]int64{{0, 2}}, routed{[]int64{0, 2}, 1, 1, true}},
		"one of three, one a token":  {&one, [][]int64{{1}}, routed{[]int64{1}, 1, 2, true}},
		"all of three, one a token":  {&one, nil, routed{[]int64{0, 1, 2}, 1, 0, true}},
		"one of three, k is derived": {nil, [][]int64{{0}}, routed{[]int64{0}, 1, 0, false}},
	} {
		m := config.Model{NExperts: 3, BlockExperts: c.blocks, MoE: config.MoE{TopK: c.topK}}
		if got := (routed{m.ExpertsOf(0), m.TopKOf(0), m.RemovedOf(0), m.RoutedIn(0)}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
