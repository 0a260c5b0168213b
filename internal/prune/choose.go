package prune

import "slices"

// choose returns which experts each block keeps, as places in
// model.expert_types: of those there are the ones that got at least minUsage of
// the block's choices, and never none. usage is [block][place].
func choose(present [][]int64, usage [][]float64, minUsage float64) [][]int64 {
	kept := make([][]int64, len(present))
	for i, block := range present {
		for _, e := range block {
			if usage[i][e] >= minUsage {
				kept[i] = append(kept[i], e)
			}
		}
		if kept[i] == nil {
			most := slices.MaxFunc(block, func(a, b int64) int {
				switch {
				case usage[i][a] < usage[i][b]:
					return -1
				case usage[i][a] > usage[i][b]:
					return 1
				}
				return 0
			})
			kept[i] = []int64{most}
		}
	}
	return kept
}

// count is the number of experts in all blocks.
func count(blocks [][]int64) int {
	n := 0
	for _, block := range blocks {
		n += len(block)
	}
	return n
}
