package nn

import "agiformer/internal/torch"

// Gather lays rows out in other places, and knows the way back, which is its gradient's (torch.GatherRows).
type Gather struct {
	// Index [places] int64 is the row in each place.
	Index *torch.Tensor
	// Inverse [rows·c] int64 is the c places of each row; -1, only where Partial, is none. A place that it leaves out
	// holds the copy of some row and gets a gradient of zero.
	Inverse *torch.Tensor
	Partial bool
}

// Rows returns the rows of x [rows, ...] in their places [places, ...].
func (g Gather) Rows(x *torch.Tensor) *torch.Tensor {
	return torch.GatherRows(x, g.Index, g.Inverse, g.Partial)
}

func (g Gather) tensors() []*torch.Tensor { return []*torch.Tensor{g.Index, g.Inverse} }

// Gathers returns the ways of rows to places and of what lies there back again. place [rows·copies] int64 is where
// each of a row's copies lies, -1 for nowhere, which only some says; owner [places], the other way round, is the copy
// in each place, -1, which only padded says, where none lies. Such a place holds row 0, and a copy that lies nowhere
// gets back what is in place 0: neither may count for anything.
func Gathers(place, owner *torch.Tensor, copies int64, some, padded bool) (there, back Gather) {
	there = Gather{Index: anywhere(owner, padded), Inverse: place, Partial: some}
	if copies > 1 {
		there.Index = there.Index.FloorDivideScalar(float64(copies))
	}
	return there, Gather{Index: anywhere(place, some), Inverse: owner, Partial: padded}
}

// anywhere is index with 0 for -1, which is there only where partial.
func anywhere(index *torch.Tensor, partial bool) *torch.Tensor {
	if partial {
		return index.ClampMin(0)
	}
	return index
}
