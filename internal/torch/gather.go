package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_gather_rows
#cgo nocallback agi_gather_rows
*/
import "C"

// GatherRows is x.IndexSelect(0, index) for x [n, ...] and index [m] int64, whose gradient is gathered too, where
// IndexSelect's adds its rows up one by one. inverse [n·c] int64 names for each row of x the c places [m] of the result
// that it is in; with partial -1 names none. That it is index's inverse is not checked. A place that inverse leaves out
// must get a gradient of zero: it is not looked at. The gradient itself has none
// (Grad with createGraph). It fails where inverse has no whole number of places for each row.
func GatherRows(x, index, inverse *Tensor, partial bool) *Tensor {
	const op = "GatherRows"
	var out C.agi_tensor
	if err := C.agi_gather_rows(x.use(op, "x"), index.use(op, "index"), inverse.use(op, "inverse"), C.bool(partial),
		&out); err != nil {
		raise(op, err, x, index, inverse)
	}
	return wrap(op, out)
}
