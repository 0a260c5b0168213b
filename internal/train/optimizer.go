package train

import (
	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// initialScale is the first loss scale of float16 training, as PyTorch's.
const initialScale = 65536

// optimizer is AdamW (Loshchilov and Hutter 2019) over two groups: the weights
// of linear maps, which decay, and everything else, which does not. The moments
// are known by the parameters' names.
type optimizer struct {
	adamw *torch.AdamW
	names []string        // in AdamW's order: the first group, then the second
	all   []*torch.Tensor // likewise
}

// newOptimizer is called inside a job.
func newOptimizer(c config.Training, parameters []model.Parameter) *optimizer {
	o := &optimizer{}
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
	return o
}

// The names of a parameter's state in optimizer.safetensors.
const (
	expAvgPrefix   = "exp_avg."
	expAvgSqPrefix = "exp_avg_sq."
	stepPrefix     = "step."
)

// tensors returns the optimizer's state by name. Called inside a job.
func (o *optimizer) tensors() map[string]*torch.Tensor {
	state := make(map[string]*torch.Tensor)
	for i, name := range o.names {
		state[expAvgPrefix+name] = o.adamw.ExpAvg(i)
		state[expAvgSqPrefix+name] = o.adamw.ExpAvgSq(i)
		state[stepPrefix+name] = o.adamw.StepCount(i)
	}
	return state
}

// gradients returns the gradients there are. Called inside a job.
func (o *optimizer) gradients() []*torch.Tensor { return torch.Grads(o.all) }

func (o *optimizer) free() { o.adamw.Free() }
