package torch

/*
#include "agiformer_torch.h"
#cgo noescape agi_gather_rows
#cgo nocallback agi_gather_rows
*/
import "C"

// GatherRows is x.IndexSelect(0, index) for x [n, ...] and index [m], whose gradient is gathered too, where
// IndexSelect's adds its rows up one by one. inverse [n·each] int64 names for each row of x the places of the result
// that it is in, each of them; with partial -1 names none. A place that inverse leaves out must get no gradient, since
// nothing reads what is in it.
func GatherRows(x, index, inverse *Tensor, each int64, partial bool) *Tensor {
	const op = "GatherRows"
	var out C.agi_tensor
	if err := C.agi_gather_rows(x.use(op, "x"), index.use(op, "index"), inverse.use(op, "inverse"), C.int64_t(each),
		C.bool(partial), &out); err != nil {
		raise(op, err, x, index, inverse)
	}
	return wrap(op, out)
}
