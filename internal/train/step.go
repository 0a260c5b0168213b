package train

import (
	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// Losses are one micro-batch's parts of its step's loss, scalars without a
// gradient on the model's device.
type Losses struct {
	CrossEntropy  *torch.Tensor // summed over the micro-batch's targets, nats
	LoadBalancing *torch.Tensor // weighted, times the micro-batch's share; nil with one expert
	Introspection *torch.Tensor // weighted, summed over the micro-batch's targets; nil without introspection
}

// Totals are a step's sums over all its micro-batches.
type Totals struct {
	Targets int64 // predicted tokens
	Inputs  int64 // valid inputs
}

// TotalsOf sums over the micro-batches of a step.
func TotalsOf(micro []*data.Batch) Totals {
	var t Totals
	for _, b := range micro {
		t.Targets += b.TargetCount
		t.Inputs += inputs(b)
	}
	return t
}

// inputs counts a batch's valid inputs.
func inputs(b *data.Batch) int64 {
	var n int64
	for _, length := range b.Lengths {
		n += length
	}
	return n
}

// Backward adds one micro-batch's gradient to the parameters' and advances its
// lanes' streams s. The loss of a step is the cross-entropy and the terms of the
// introspection summed over all its micro-batches, divided by the number of
// predicted tokens of them all, plus
// each micro-batch's load balancing times its share of the inputs: so four
// micro-batches of eight lanes give the gradient of one of 32, also when they
// predict unequal numbers of tokens (the load balancing's too, where its scope
// is a sequence). scaler may be nil. Called inside a job.
func Backward(m *model.Model, p Precision, b *data.Batch, s *model.State, step Totals, scaler *torch.Scaler) Losses {
	var ce, balance, thought *torch.Tensor
	options := model.Options{Train: true}
	if p.Recompute {
		options.Checkpoints = &torch.Checkpoints{}
	}
	p.Forward(func() {
		out := m.Forward(model.NewInput(b, p.Device), s, options)
		targets := model.TargetsOf(b, p.Device)
		ce, thought = model.CrossEntropySum(out.Logits, targets), m.IntrospectionSum(out, targets)
		balance = out.LoadBalancing
	})
	sum := ce
	if thought != nil {
		sum = ce.Add(thought)
		thought = thought.Detach()
	}
	// A step that predicts nothing has the loss 0, not 0/0.
	loss := sum.DivScalar(float64(max(step.Targets, 1)))
	if balance != nil {
		balance = balance.MulScalar(float64(inputs(b)) / float64(max(step.Inputs, 1)))
		loss = loss.Add(balance)
		balance = balance.Detach()
	}
	loss = scaler.Scale(loss)
	if p.Recompute {
		options.Checkpoints.Backward([]*torch.Tensor{loss}, nil)
	} else {
		loss.Backward()
	}
	return Losses{CrossEntropy: ce.Detach(), LoadBalancing: balance, Introspection: thought}
}
