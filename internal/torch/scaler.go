package torch

import "math"

// PyTorch's settings of the gradient scaler.
const (
	scaleGrowth   = 2.0
	scaleBackoff  = 0.5
	scaleInterval = 2000 // steps without an overflow until the scale grows
)

// Scaler keeps the gradients of float16 training out of the numbers that
// float16 rounds to zero (Micikevicius et al. 2018): the loss is multiplied by
// a scale that halves after an overflow and doubles after 2000 steps without.
// All of it stays on the device. A nil *Scaler, for bfloat16 and float32, does
// nothing.
type Scaler struct {
	scale, foundInf *Tensor // float32 scalars
	growth          *Tensor // int32 scalar: steps since the last change
}

// NewScaler makes a scaler that starts with the scale init (PyTorch: 65536).
func NewScaler(dev Device, init float64) *Scaler {
	return &Scaler{
		scale:    Full(init, Float32, dev).Keep(),
		foundInf: Zeros(Float32, dev).Keep(),
		growth:   Zeros(Int32, dev).Keep(),
	}
}

// Scale is the loss times the scale.
func (s *Scaler) Scale(loss *Tensor) *Tensor {
	if s == nil {
		return loss
	}
	return loss.Mul(s.scale)
}

// Unscale divides the gradients by the scale, in place, and notes in FoundInf
// whether one of them is infinite or not a number. Several calls may share a step.
func (s *Scaler) Unscale(grads []*Tensor) {
	if s == nil || len(grads) == 0 {
		return
	}
	scope := Enter()
	defer scope.Exit()
	NoGrad(func() {
		// The inverse is rounded once, from float64, as PyTorch does.
		inverse := s.scale.ToDType(Float64).Reciprocal().Float()
		AmpForeachNonFiniteCheckAndUnscale_(grads, s.foundInf, inverse)
	})
}

// FoundInf is a float32 scalar on the device: 1 when the gradients of this step
// were not finite. The scaler owns it. It is nil for a nil scaler.
func (s *Scaler) FoundInf() *Tensor {
	if s == nil {
		return nil
	}
	return s.foundInf
}

// Update sets the scale for the next step and clears FoundInf.
func (s *Scaler) Update() {
	if s == nil {
		return
	}
	NoGrad(func() {
		AmpUpdateScale_(s.scale, s.growth, s.foundInf, scaleGrowth, scaleBackoff, scaleInterval)
		s.foundInf.Zero_()
	})
}

// State is the scale and the number of steps since it changed; it waits for the device.
func (s *Scaler) State() (scale float64, growthTracker int64) {
	if s == nil {
		return 1, 0
	}
	return s.scale.Item(), s.growth.ItemInt()
}

// SetState puts a saved state back. The scale must be positive and finite.
func (s *Scaler) SetState(scale float64, growthTracker int64) {
	if s == nil {
		return
	}
	if !(scale > 0) || math.IsInf(scale, 1) || growthTracker < 0 {
		fail("SetState", "a gradient scale of %v after %d steps is no state of a scaler", scale, growthTracker)
	}
	s.scale.Fill_(scale)
	s.growth.Fill_(float64(growthTracker))
	s.foundInf.Zero_()
}

// Free frees the scaler's tensors.
func (s *Scaler) Free() {
	if s != nil {
		FreeAll([]*Tensor{s.scale, s.foundInf, s.growth})
	}
}
