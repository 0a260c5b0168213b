package model

import (
	"math"

	"agiformer/internal/experts"
	"agiformer/internal/memory"
	"agiformer/internal/model/introspection"
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

var negativeInfinity = math.Inf(-1)

// Options of Forward.
type Options struct {
	// Train switches dropout and the capacity limit on.
	Train bool
	// Info asks for Output.Info, which makes the host wait for the device.
	Info bool
	// ReturnEmbeddings gives the states after the final norm instead of logits.
	ReturnEmbeddings bool
	// Checkpoints, where given, keeps only the blocks' inputs for the gradient
	// and computes the rest again: call its Backward instead of the loss's. It
	// must not outlive the scope in which Forward was called.
	Checkpoints *torch.Checkpoints
}

// Output of Forward; its tensors live in the caller's scope.
type Output struct {
	// Logits [B, T, V] in float32 (float64 for a float64 model), -inf for
	// id 0; or with ReturnEmbeddings the states [B, T, d].
	Logits *torch.Tensor
	// LoadBalancing is the weighted load-balancing loss, with the router
	// z-loss where that has a weight, summed over the layers, a scalar; nil with one expert, and without gradients unless
	// Info is asked for.
	LoadBalancing *torch.Tensor
	// Opinion is what the model thinks of its prediction; nil without
	// introspection, and without gradients unless Info is asked for.
	Opinion *introspection.Opinion
	// Info describes the pass; nil unless asked for.
	Info *Info
}

// pass is one forward pass's shared data.
type pass struct {
	experts.Segment
	cos, sin *torch.Tensor // [T, h/2] of the blocks' attention, or [B, T, h/2]
	// single says that this is one token of a stream being decoded.
	single bool
}

// newPass prepares what the layers share, in the caller's scope. first is the
// position of the first token in its segment.
func (m *Model) newPass(in Input, first int64, train bool) *pass {
	p := &pass{Segment: experts.Segment{
		Lanes: in.IDs.Size(0), Len: in.IDs.Size(1), First: first,
		Types: in.Types, Places: in.Places, Vowels: in.Vowels, Words: in.Words,
		Lengths: in.Lengths, Mask: in.Mask, Train: train,
	}}
	for _, n := range in.Lengths {
		p.Valid += n
	}
	if in.Documents != nil {
		p.Documents = experts.NewDocuments(in.Documents, p.Len, m.device)
		p.Confined = nn.Confine(p.Documents.Packing(p.Lanes*p.Len, m.device))
	}
	p.cos, p.sin = m.rotary.Of(p.Positions(), first, p.Len)
	p.Prepare(m.features)
	return p
}

// Forward computes one segment of every lane and advances s, whose streams it
// continues; nil means fresh streams that are thrown away. Logits at position
// t depend on the inputs 0..t and earlier segments only. At padding they mean
// nothing.
func (m *Model) Forward(in Input, s *State, o Options) *Output {
	if o.Checkpoints != nil { // what the blocks share is needed again
		return m.forward(in, s, o)
	}
	scope := torch.Enter()
	defer scope.Exit()
	out := m.forward(in, s, o)
	scope.Exit(append(out.Opinion.Tensors(), out.Logits, out.LoadBalancing)...)
	return out
}

func (m *Model) forward(in Input, s *State, o Options) *Output {
	in = in.normal()
	p := m.newPass(in, 0, o.Train)
	p.Recorded = torch.GradEnabled()
	p.Usage, p.Balance = o.Info, o.Info || p.Recorded
	var context *memory.Context
	if m.memory != nil {
		context = m.memory.Begin(s, in.Lengths)
		if in.Documents != nil {
			m.memory.Confine(context, s, in.Documents, p.Len)
		}
	}
	inputs, x := m.enter(in.IDs, context, p)
	results := make([]experts.Result, len(m.blocks))
	for i, b := range m.blocks {
		x, results[i] = b.checkpointed(x, p, o.Checkpoints)
	}
	var thought introspection.Result
	if m.loop != nil {
		thought = m.introspect(x, p, o.Checkpoints)
		x = thought.States
	}
	m.finish(s, inputs, x, in)
	out := &Output{Logits: m.leave(x, o.ReturnEmbeddings), LoadBalancing: totalBalance(results)}
	if m.loop != nil && (o.Info || p.Recorded) {
		logits := out.Logits
		if o.ReturnEmbeddings {
			logits = m.leave(x, false)
		}
		out.Opinion = m.loop.Judge(thought, logits)
	}
	if o.Info {
		out.Info = newInfo(results, out.Opinion, p, m.cfg, s)
	}
	return out
}

// inSegment says where the tokens are in their segments.
func (p *pass) inSegment() introspection.Positions {
	return introspection.Positions{First: p.First, Each: p.Positions()}
}

// introspect runs the loop of the last block over its states x [B, T, d],
// through c where given.
func (m *Model) introspect(x *torch.Tensor, p *pass, c *torch.Checkpoints) introspection.Result {
	run := func(inputs []*torch.Tensor) []*torch.Tensor {
		return m.loop.Forward(inputs[0], p.inSegment(), p.Confined, !p.Recorded).Tensors()
	}
	if c == nil {
		return introspection.ResultOf(run([]*torch.Tensor{x}))
	}
	return introspection.ResultOf(c.Run(run, []*torch.Tensor{x}))
}

// enter returns the inputs, which are the embeddings, and the states before the
// first block, [B, T, d] each: with what memory adds. In single-token decoding ids hold the tokens before it too,
// as far as the embedding reads back.
func (m *Model) enter(ids *torch.Tensor, context *memory.Context, p *pass) (inputs, x *torch.Tensor) {
	scope := torch.Enter()
	defer scope.Exit()
	inputs = m.embedding.forward(ids, p.Documents)
	if before := inputs.Size(1) - p.Len; before > 0 {
		inputs = inputs.Narrow(1, before, p.Len)
	}
	inputs = m.embedding.described(inputs, &p.Segment)
	if p.Train && m.cfg.Dropout > 0 {
		inputs = torch.Dropout(inputs, m.cfg.Dropout, true)
	}
	x = inputs
	if context != nil {
		x = nn.Residual(x, m.memory.Read(x, context), m.cfg.Dropout, p.Train)
	}
	scope.Exit(inputs, x)
	return inputs, x
}

// leave returns the logits, or the states after the final norm.
func (m *Model) leave(x *torch.Tensor, embeddings bool) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	y := m.finalNorm.Forward(x)
	switch {
	case embeddings:
	case y.Numel() == m.cfg.DModel && !torch.GradEnabled(): // one token: the kernel of single rows
		y = nn.Float(torch.Project(y, m.head)).Add(m.headBias)
	default:
		y = nn.Float(torch.Linear(y, m.head, m.headBias))
	}
	scope.Exit(y)
	return y
}

// finish hands the inputs and the states after the last block to the memory and
// counts the segment.
func (m *Model) finish(s *State, inputs, x *torch.Tensor, in Input) {
	if s == nil {
		return
	}
	for lane, documents := range in.Documents {
		if len(documents) > 1 { // the last one is a stream of its own
			s.Reset(lane)
		}
	}
	if m.memory == nil {
		s.Count(in.Lengths)
		return
	}
	m.memory.End(s, inputs, x, in.Lengths, in.Documents)
}

// totalBalance sums the layers' load-balancing losses.
func totalBalance(results []experts.Result) *torch.Tensor {
	var sum *torch.Tensor
	for _, r := range results {
		switch {
		case r.Balance == nil:
		case sum == nil:
			sum = r.Balance
		default:
			sum = sum.Add(r.Balance)
		}
	}
	return sum
}

// CrossEntropySum returns the cross-entropy in nats, a scalar, summed over
// the targets [B, T] that are not 0, of logits [B, T, V].
func CrossEntropySum(logits, targets *torch.Tensor) *torch.Tensor {
	const sum = 2 // libtorch's reduction
	n := targets.Numel()
	return torch.CrossEntropyLoss(logits.View(n, logits.Size(-1)), targets.View(n), nil, sum, 0, 0)
}

// IntrospectionSum returns the introspection's weighted loss terms, a scalar,
// summed over the targets [B, T] that are not 0; nil without introspection.
func (m *Model) IntrospectionSum(out *Output, targets *torch.Tensor) *torch.Tensor {
	if out.Opinion == nil {
		return nil
	}
	w := m.cfg.Introspection
	return out.Opinion.Loss(targets, introspection.Weights{Heads: w.LossWeight, Ponder: w.PonderWeight})
}

// Loss returns sumScale times CrossEntropySum of the output's logits plus
// IntrospectionSum: with sumScale = 1 / (targets of the global batch) the
// micro-batch's share of the mean.
func (m *Model) Loss(out *Output, targets *torch.Tensor, sumScale float64) *torch.Tensor {
	sum := CrossEntropySum(out.Logits, targets)
	if more := m.IntrospectionSum(out, targets); more != nil {
		sum = sum.Add(more)
	}
	return sum.MulScalar(sumScale)
}
