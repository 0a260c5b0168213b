package nn

import "agiformer/internal/torch"

// Gather lays rows out in other places, and knows the way back, which is its gradient's (torch.GatherRows).
type Gather struct {
	// Index [places] int64 is the row in each place.
	Index *torch.Tensor
	// Inverse [rows·Each] int64 is the places of each row; -1, only where Partial, is none. A place that it leaves out
	// holds the copy of some row, which nothing reads.
	Inverse *torch.Tensor
	Each    int64
	Partial bool
}

// Rows returns the rows of x [rows, ...] in their places [places, ...].
func (g Gather) Rows(x *torch.Tensor) *torch.Tensor {
	return torch.GatherRows(x, g.Index, g.Inverse, g.Each, g.Partial)
}
