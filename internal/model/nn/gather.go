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
