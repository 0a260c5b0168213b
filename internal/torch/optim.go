package torch

import "math"

// ParamGroup is a set of parameters that share their settings.
type ParamGroup struct {
	Params      []*Tensor
	LR          float64 // relative to the first group's: see Step
	WeightDecay float64
}

// AdamW is the optimizer of Loshchilov and Hutter 2019 through libtorch's fused
// kernel, one call a group, on the CPU and on CUDA:
//
//	m = β1·m + (1-β1)·g        v = β2·v + (1-β2)·g²
//	p = p - lr·decay·p - lr · m/(1-β1^s) / (√(v/(1-β2^s)) + ε)
//
// It owns the moments and step counts, not the parameters.
type AdamW struct {
	Groups             []ParamGroup
	beta1, beta2, eps  float64
	params             []*Tensor // all groups', in order
	expAvgs, expAvgSqs []*Tensor // m and v of each parameter, its shape and type
	steps              []*Tensor // s of each parameter, a float32 scalar on its device
	groupStart         []int     // where a group begins in the lists above
}

// NewAdamW makes the optimizer with moments of zero.
func NewAdamW(groups []ParamGroup, beta1, beta2, eps float64) *AdamW {
	a := &AdamW{Groups: groups, beta1: beta1, beta2: beta2, eps: eps}
	for _, g := range groups {
		a.groupStart = append(a.groupStart, len(a.params))
		for _, p := range g.Params {
			a.params = append(a.params, p)
			a.expAvgs = append(a.expAvgs, ZerosLike(p).Keep())
			a.expAvgSqs = append(a.expAvgSqs, ZerosLike(p).Keep())
			a.steps = append(a.steps, Zeros(Float32, p.Device()).Keep())
		}
	}
	return a
}

// Step changes every parameter that requires a gradient. One that got none counts as
// if it got zeros: a part of the model that no stream of this step used (the slots
// of the memory bank, where no stream was fresh) must not change otherwise than it
// would beside a stream that did. The first group learns with lr,
// group i with lr · Groups[i].LR / Groups[0].LR. gradScale divides the gradients;
// where foundInf (one float32) is 1 nothing changes, without asking the host.
// Either may be nil.
func (a *AdamW) Step(lr float64, gradScale, foundInf *Tensor) {
	s := Enter()
	defer s.Exit()
	NoGrad(func() {
		if foundInf != nil {
			foundInf = foundInf.Reshape()
		}
		a.countStep(foundInf)
		for i, g := range a.Groups {
			a.stepGroup(i, g, a.rate(lr, g), gradScale, foundInf)
		}
	})
}

// rate is the group's learning rate when the first group's is lr.
func (a *AdamW) rate(lr float64, g ParamGroup) float64 {
	if first := a.Groups[0].LR; first != 0 {
		return lr * (g.LR / first)
	}
	return lr
}

// countStep adds one to the step counts, or nothing where foundInf is 1.
func (a *AdamW) countStep(foundInf *Tensor) {
	if len(a.steps) == 0 {
		return
	}
	ForeachAddScalar_(a.steps, 1)
	if foundInf != nil {
		same := make([]*Tensor, len(a.steps))
		for i := range same {
			same[i] = foundInf
		}
		ForeachSub_(a.steps, same, 1)
	}
}

func (a *AdamW) stepGroup(i int, g ParamGroup, lr float64, gradScale, foundInf *Tensor) {
	var params, grads, expAvgs, expAvgSqs, steps []*Tensor
	for k, p := range g.Params {
		grad := p.Grad()
		if grad == nil {
			if !p.RequiresGrad() {
				continue
			}
			grad = ZerosLike(p)
		}
		j := a.groupStart[i] + k
		params, grads = append(params, p), append(grads, grad)
		expAvgs, expAvgSqs = append(expAvgs, a.expAvgs[j]), append(expAvgSqs, a.expAvgSqs[j])
		steps = append(steps, a.steps[j])
	}
	if len(params) == 0 {
		return
	}
	FusedAdamW_(params, grads, expAvgs, expAvgSqs, nil, steps, lr, a.beta1, a.beta2, g.WeightDecay, a.eps,
		false, false, gradScale, foundInf)
}

// ZeroGrad removes all gradients, which frees their memory.
func (a *AdamW) ZeroGrad() { ClearGrads(a.params) }

// Len is the number of parameters; their indices run over the groups in order.
func (a *AdamW) Len() int { return len(a.params) }

// Param is parameter i.
func (a *AdamW) Param(i int) *Tensor { return a.params[i] }

// ExpAvg is parameter i's mean of gradients; the optimizer owns it.
func (a *AdamW) ExpAvg(i int) *Tensor { return a.expAvgs[i] }

// ExpAvgSq is parameter i's mean of squared gradients; the optimizer owns it.
func (a *AdamW) ExpAvgSq(i int) *Tensor { return a.expAvgSqs[i] }

// StepCount is parameter i's number of steps, a float32 scalar on its device;
// the optimizer owns it.
func (a *AdamW) StepCount(i int) *Tensor { return a.steps[i] }

// Steps is the number of steps taken, as the first parameter counts them.
func (a *AdamW) Steps() int64 {
	if len(a.steps) == 0 {
		return 0
	}
	return int64(a.steps[0].Item())
}

// Free frees the moments and counts.
func (a *AdamW) Free() {
	FreeAll(a.expAvgs)
	FreeAll(a.expAvgSqs)
	FreeAll(a.steps)
	a.expAvgs, a.expAvgSqs, a.steps = nil, nil, nil
}

// ClipGradNorm scales the gradients of params so that their global 2-norm is at
// most maxNorm, in place and without waiting for the device (Pascanu et al.
// 2013). It returns the norm before, a float32 scalar on the device in the
// current scope; a maxNorm of 0, less or +Inf only measures.
func ClipGradNorm(params []*Tensor, maxNorm float64) *Tensor {
	return Scoped(func() *Tensor {
		var norm *Tensor
		NoGrad(func() { norm = clipGradNorm(params, maxNorm) })
		return norm
	})
}

func clipGradNorm(params []*Tensor, maxNorm float64) *Tensor {
	grads := Grads(params)
	if len(grads) == 0 {
		dev := CPU
		if len(params) > 0 {
			dev = params[0].Device()
		}
		return Zeros(Float32, dev)
	}
	norm := Stack(ForeachNorm(grads), 0).Norm()
	if maxNorm > 0 && !math.IsInf(maxNorm, 1) {
		// As PyTorch: 1e-6 keeps a norm of zero from dividing.
		ForeachMul_(grads, norm.AddScalar(1e-6).Reciprocal().MulScalar(maxNorm).ClampMax(1))
	}
	return norm
}
