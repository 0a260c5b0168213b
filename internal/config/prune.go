package config

import (
	"fmt"
	"strings"

	"agiformer/internal/config/hydra"
)

// WithBlockExperts returns a resolved configuration (YAML, as in a run's
// config.yaml) in which model.block_experts is kept. name is shown in messages.
func WithBlockExperts(yaml []byte, name string, kept [][]int64) ([]byte, error) {
	tree, err := hydra.Read(yaml, name)
	if err != nil {
		return nil, err
	}
	if err := tree.Override("model.block_experts=" + BlockExpertsText(kept)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return tree.YAML(), nil
}

// BlockExpertsText writes model.block_experts as an override takes it:
// [[0,1],[1]].
func BlockExpertsText(kept [][]int64) string {
	blocks := make([]string, len(kept))
	for i, block := range kept {
		blocks[i] = strings.ReplaceAll(fmt.Sprint(block), " ", ",")
	}
	return "[" + strings.Join(blocks, ",") + "]"
}
