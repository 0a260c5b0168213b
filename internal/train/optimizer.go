package train

import (
	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// initialScale is the first loss scale of float16 training, as PyTorch's.
const initialScale = 65536

// Optimizer is AdamW (Loshchilov and Hutter 2019) over two groups: the weights
// of linear maps, which decay, and everything else, which does not. The moments
// are known by the parameters' names.
type Optimizer struct {
	// Scaler scales the loss of float16 training; nil otherwise.
	Scaler *torch.Scaler

	adamw *torch.AdamW
	names []string        // in AdamW's order: the first group, then the second
	all   []*torch.Tensor // likewise
}

// NewOptimizer is called inside a job, as its methods are.
func NewOptimizer(c config.Training, parameters []model.Parameter, precision Precision) *Optimizer {
	o := &Optimizer{}
	groups := make([]torch.ParamGroup, 2)
	for i, decay := range []bool{true, false} {
		groups[i].LR = c.LearningRate
		if decay {
			groups[i].WeightDecay = c.WeightDecay
		}
		for _, p := range parameters {
			if p.Decay == decay {
				groups[i].Params = append(groups[i].Params, p.Tensor)
				o.names = append(o.names, p.Name)
			}
		}
		o.all = append(o.all, groups[i].Params...)
	}
	o.adamw = torch.NewAdamW(groups, c.Betas[0], c.Betas[1], c.Eps)
	if precision.Scaled {
		o.Scaler = torch.NewScaler(precision.Device, initialScale)
	}
	return o
}

// Step unscales the gradients, clips their global norm to clip, moves the weights
// with the learning rate lr and removes the gradients. leaveOut gets the norm before
// clipping and returns 1 (float32, on the device) where the weights must stay; nil
// leaves that to what the scaler finds.
func (o *Optimizer) Step(lr, clip float64, leaveOut func(norm *torch.Tensor) *torch.Tensor) {
	o.Scaler.Unscale(torch.Grads(o.all))
	norm, found := torch.ClipGradNorm(o.all, clip), o.Scaler.FoundInf()
	if leaveOut != nil {
		found = leaveOut(norm)
	}
	o.adamw.Step(lr, nil, found)
	o.Scaler.Update()
	o.adamw.ZeroGrad()
}

// The names of a parameter's state in optimizer.safetensors.
const (
	expAvgPrefix   = "exp_avg."
	expAvgSqPrefix = "exp_avg_sq."
	stepPrefix     = "step."
)

// tensors returns the optimizer's state by name.
func (o *Optimizer) tensors() map[string]*torch.Tensor {
	state := make(map[string]*torch.Tensor)
	for i, name := range o.names {
		state[expAvgPrefix+name] = o.adamw.ExpAvg(i)
		state[expAvgSqPrefix+name] = o.adamw.ExpAvgSq(i)
		state[stepPrefix+name] = o.adamw.StepCount(i)
	}
	return state
}

// Free frees what the optimizer holds.
func (o *Optimizer) Free() {
	o.adamw.Free()
	o.Scaler.Free()
}
