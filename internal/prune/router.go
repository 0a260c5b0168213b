package prune

import (
	"encoding/binary"
	"fmt"
	"math"

	"agiformer/internal/checkpoint"
)

// routerChange is what pruning does to the router of a block, whose weight has a
// row for each of the block's experts.
type routerChange struct {
	kept, removed []int // rows
	// vacant is the number of experts that are missing afterwards and still
	// count in the softmax, each as a logit of 0; 0 where they do not.
	vacant int64
}

// weight cuts the router's weight to the kept rows. Where the missing experts
// count as logits of 0, the mean of their rows is subtracted from the kept ones:
// softmax does not see what is subtracted from all logits, so with one expert
// missing the probabilities of the others stay exactly what they were. Experts
// that were missing before have rows of 0 in that mean.
func (r routerChange) weight(e *checkpoint.Entry) {
	whole, width := e.Data, int(e.Shape[1])
	r.cut(e)
	if r.vacant == 0 {
		return
	}
	dtype := e.DType
	e.Data = func() ([]byte, error) {
		data, err := whole()
		if err != nil {
			return nil, err
		}
		if dtype != "F32" {
			return nil, fmt.Errorf("its dtype is %s, a router's weight is F32", dtype)
		}
		return r.shifted(data, width), nil
	}
}

// shifted returns the kept rows less the mean row of the missing experts.
func (r routerChange) shifted(data []byte, width int) []byte {
	at := func(row, column int) float64 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*(row*width+column):])))
	}
	mean := make([]float64, width)
	for _, row := range r.removed {
		for column := range mean {
			mean[column] += at(row, column) / float64(r.vacant)
		}
	}
	var out []byte
	for _, row := range r.kept {
		for column := range mean {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(at(row, column)-mean[column])))
		}
	}
	return out
}

// moment cuts a moment of the router's weight, or leaves the count of steps.
func (r routerChange) moment(e *checkpoint.Entry) {
	if len(e.Shape) == 2 {
		r.cut(e)
	}
}

// cut keeps the kept rows of a tensor.
func (r routerChange) cut(e *checkpoint.Entry) {
	whole, total := e.Data, int(e.Shape[0])
	e.Shape = []int64{int64(len(r.kept)), e.Shape[1]}
	e.Data = func() ([]byte, error) {
		data, err := whole()
		if err != nil {
			return nil, err
		}
		size := len(data) / total
		var rows []byte
		for _, row := range r.kept {
			rows = append(rows, data[row*size:(row+1)*size]...)
		}
		return rows, nil
	}
}
