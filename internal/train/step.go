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
}

// Backward adds one micro-batch's gradient to the parameters' and advances its
// lanes' streams s. The loss of a step is the cross-entropy summed over all its
// micro-batches, divided by targets, the number of predicted tokens of them
// all, plus each micro-batch's load balancing times its share of the targets:
// so four micro-batches of eight lanes give the gradient of one of 32, also
// when they predict unequal numbers of tokens. scaler may be nil. Called inside
// a job.
func Backward(m *model.Model, p Precision, b *data.Batch, s *model.State, targets int64, scaler *torch.Scaler) Losses {
	// A step whose lanes are all padding predicts nothing: its loss is 0.
	total := float64(max(targets, 1))
	var ce, loss, balance *torch.Tensor
	p.Forward(func() {
		out := m.Forward(model.NewInput(b, p.Device), s, model.Options{Train: true})
		ce = model.CrossEntropySum(out.Logits, model.TargetsOf(b, p.Device))
		balance = out.LoadBalancing
	})
	loss = ce.DivScalar(total)
	if balance != nil {
		balance = balance.MulScalar(float64(b.TargetCount) / total)
		loss = loss.Add(balance)
		balance = balance.Detach()
	}
	if scaler != nil {
		loss = scaler.Scale(loss)
	}
	loss.Backward()
	return Losses{CrossEntropy: ce.Detach(), LoadBalancing: balance}
}
