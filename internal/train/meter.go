package train

import (
	"time"

	"agiformer/internal/data"
	"agiformer/internal/torch"
)

// meter holds a step's measurements as scalars on the device, so that nothing
// waits for them until they are printed.
type meter struct {
	crossEntropy  *torch.Tensor // summed over the step's targets, nats
	loadBalancing *torch.Tensor
	introspection *torch.Tensor // summed over the step's targets
	gradNorm      *torch.Tensor // before clipping
	bad           *torch.Tensor // steps in a row that were not finite
	skipped       *torch.Tensor // all of them

	since  time.Time     // of the last report, less what is not training
	waited time.Duration // for data, at the last report
	tokens int64         // predicted since the last report
}

// newMeter is called inside a job.
func newMeter(device torch.Device, bad, skipped int64) *meter {
	scalar := func(v int64) *torch.Tensor { return torch.Full(float64(v), torch.Float64, device).Keep() }
	return &meter{
		crossEntropy: scalar(0), loadBalancing: scalar(0), introspection: scalar(0), gradNorm: scalar(0),
		bad: scalar(bad), skipped: scalar(skipped), since: time.Now(),
	}
}

func (m *meter) tensors() []*torch.Tensor {
	return []*torch.Tensor{m.crossEntropy, m.loadBalancing, m.introspection, m.gradNorm, m.bad, m.skipped}
}

func (m *meter) free() {
	for _, t := range m.tensors() {
		t.Free()
	}
}

// begin starts a step. Called inside a job, like add, update and read.
func (m *meter) begin() {
	m.crossEntropy.Zero_()
	m.loadBalancing.Zero_()
	m.introspection.Zero_()
}

func (m *meter) add(l Losses) {
	m.crossEntropy.Add_(l.CrossEntropy)
	if l.LoadBalancing != nil {
		m.loadBalancing.Add_(l.LoadBalancing)
	}
	if l.Introspection != nil {
		m.introspection.Add_(l.Introspection)
	}
}

// update takes the gradient's norm and returns 1 where the step must be left
// out, because the norm or the loss is not finite, and 0 elsewhere (float32).
func (m *meter) update(norm *torch.Tensor) *torch.Tensor {
	m.gradNorm.Copy_(norm)
	sum := m.gradNorm.Add(m.crossEntropy).Add(m.loadBalancing).Add(m.introspection)
	found := sum.Isfinite().LogicalNot().ToDType(torch.Float64)
	m.bad.AddScalar_(1).Mul_(found)
	m.skipped.Add_(found)
	return found.Float()
}

// reading is a meter read off: the step's losses in nats a token.
type reading struct {
	step                                                              int64
	loss, lmLoss, loadBalancing, introspection, bitsPerByte, gradNorm float64
	bad, skipped                                                      int64
}

func (m *meter) read(step *data.Step) reading {
	values := torch.Data[float64](torch.Stack(m.tensors(), 0))
	targets := float64(max(step.Targets, 1))
	r := reading{
		lmLoss: values[0] / targets, loadBalancing: values[1], introspection: values[2] / targets, gradNorm: values[3],
		bad: int64(values[4]), skipped: int64(values[5]),
		bitsPerByte: bitsPerByte(values[0], step.Bytes),
	}
	r.loss = r.lmLoss + r.loadBalancing + r.introspection
	return r
}

// pause leaves the time since at out of the rates: it was no training.
func (m *meter) pause(at time.Time) { m.since = m.since.Add(time.Since(at)) }
