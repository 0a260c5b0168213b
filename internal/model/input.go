package model

import (
	"slices"

	"agiformer/internal/torch"
)

// Input is one segment of every lane. All tensors are [B, T], int64 but Mask.
type Input struct {
	IDs, Types, Places, Vowels, Words *torch.Tensor
	// Mask bool marks the valid tokens; nil = all. Padding stands at a lane's
	// end only.
	Mask *torch.Tensor
	// Lengths is the host's copy of the valid tokens of each lane; nil = read
	// it from Mask, which waits for the device, or all T without one.
	Lengths []int64
	// Documents are the lengths of the documents of each lane, which sum to its
	// valid tokens, where lanes may hold several (data.packing=isolate); nil
	// where each lane is one. The first of a lane continues its stream, each
	// other starts one of its own, and the last one's goes on.
	Documents [][]int64
}

// normal returns in with both Lengths and, where a lane has padding, Mask, and
// with Documents only where a lane has several.
func (in Input) normal() Input {
	lanes, t := in.IDs.Size(0), in.IDs.Size(1)
	switch {
	case in.Lengths != nil:
	case in.Mask != nil:
		in.Lengths = torch.Data[int64](in.Mask.ToDType(torch.Int64).SumDim([]int64{1}, false))
	default:
		in.Lengths = make([]int64, lanes)
		for b := range in.Lengths {
			in.Lengths[b] = t
		}
	}
	if !slices.ContainsFunc(in.Documents, func(lane []int64) bool { return len(lane) > 1 }) {
		in.Documents = nil
	}
	full := true
	for _, n := range in.Lengths {
		full = full && n == t
	}
	if full {
		in.Mask = nil
		return in
	}
	if in.Mask == nil {
		mask := make([]bool, 0, lanes*t)
		for _, n := range in.Lengths {
			for i := range t {
				mask = append(mask, i < n)
			}
		}
		in.Mask = torch.FromSlice(mask, lanes, t).ToDevice(in.IDs.Device())
	}
	return in
}
