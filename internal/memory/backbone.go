package memory

import (
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Shape is the size of a memory.
type Shape struct {
	DModel, Heads, Slots, WorkingLen, SegmentLen, UpdateFreq int64
	// Working and Bank say which parts there are: at least one.
	Working, Bank bool
}

// joined is the width of what the fusion reads: the input and a part or two.
func (s Shape) joined() int64 {
	width := s.DModel
	if s.Working {
		width += s.DModel
	}
	if s.Bank {
		width += s.DModel
	}
	return width
}

// vectors is how many of them a stream keeps of a token: its state after the
// last block, and before that, where it is looked up by its input, that input.
func (s Shape) vectors() int64 {
	if s.Working {
		return 2
	}
	return 1
}

// WriteLen is the number of tokens that a write to the bank reads: those since
// the write before it, as far as they are kept.
func (s Shape) WriteLen() int64 { return min(s.WorkingLen, s.UpdateFreq*s.SegmentLen) }

// Backbone joins working memory and bank (the specification's
// UnifiedMemoryBackbone).
type Backbone struct {
	shape     Shape
	device    torch.Device
	norm      nn.LayerNorm // of the inputs, those that read and those that are kept
	working   *working     // nil without that part
	bank      *bank        // nil without that part
	input     nn.Linear    // [d, 3d], or [d, 2d] with one part
	output    nn.Linear
	finalNorm nn.LayerNorm
}

// Specs lists the parameters of the memory.
func Specs(s Shape) []nn.Spec {
	specs := nn.Norm("norm", s.DModel)
	if s.Working {
		specs = append(specs, nn.Prefix("working", workingSpecs(s))...)
	}
	if s.Bank {
		specs = append(specs, nn.Prefix("bank", bankSpecs(s))...)
	}
	specs = append(specs,
		nn.Weight("fusion.input", s.DModel, s.joined(), nn.LinearInit(s.joined())),
		nn.Weight("fusion.output", s.DModel, s.DModel, nn.LinearInit(s.DModel)))
	return append(specs, nn.Norm("fusion.norm", s.DModel)...)
}

// New builds the memory over its parameters, which are on dev.
func New(s Shape, p nn.Params, dev torch.Device) *Backbone {
	b := &Backbone{
		shape:     s,
		device:    dev,
		norm:      nn.NewLayerNorm(p.Sub("norm")),
		input:     nn.NewLinear(p.Sub("fusion.input")),
		output:    nn.NewLinear(p.Sub("fusion.output")),
		finalNorm: nn.NewLayerNorm(p.Sub("fusion.norm")),
	}
	if s.Working {
		b.working = newWorking(s, b.norm, p.Sub("working"))
	}
	if s.Bank {
		b.bank = newBank(s, p.Sub("bank"))
	}
	return b
}

// Context is what the positions of one segment read: it depends on the
// streams only, and so is computed once a segment.
type Context struct {
	keys, values *torch.Tensor // [B, H, 1+c, h]; nil where no stream has two tokens
	visible      *torch.Tensor // [B, 1, 1, 1+c] bool; nil when all is
	bank         *torch.Tensor // [B, 1, N, d]; nil without that part
	confined     *confinement  // where lanes hold several documents; else nil
}

// Begin starts the next segment: it writes the bank of the lanes at which a
// write is due and returns what the segment reads. Lanes with lengths[b] = 0
// are not written. Streams that never wrote read the slots themselves. A nil
// state means fresh streams.
func (b *Backbone) Begin(s *State, lengths []int64) *Context {
	scope := torch.Enter()
	defer scope.Exit()
	c := &Context{}
	lanes := int64(len(lengths))
	if b.bank != nil {
		bank := b.bank.begin(s, lengths)
		dt := bank.DType()
		if dt == torch.Float32 { // cast once, not with every read
			dt = torch.AutocastDType(bank.Device().Type, dt)
		}
		c.bank = bank.ToDType(dt).View(lanes, 1, b.shape.Slots, b.shape.DModel)
	}
	if b.working != nil && s != nil {
		b.working.begin(c, s)
	}
	scope.Exit(c.tensors()...)
	return c
}

// Keep takes the context out of all scopes until Free: decoding reads it with
// every token, so each head's rows are laid one after the other.
func (c *Context) Keep() *Context {
	if c.keys != nil {
		c.keys, c.values = c.keys.Contiguous(), c.values.Contiguous()
	}
	for _, t := range c.tensors() {
		t.Keep()
	}
	return c
}

// Free frees a kept context.
func (c *Context) Free() {
	for _, t := range c.tensors() {
		t.Free()
	}
}

func (c *Context) tensors() []*torch.Tensor {
	var present []*torch.Tensor
	for _, t := range []*torch.Tensor{c.keys, c.values, c.visible, c.bank} {
		if t != nil {
			present = append(present, t)
		}
	}
	return present
}

// Read returns the memory's branch [B, T, d] for the inputs x [B, T, d]:
// LN(output(GELU(input([n; working; long])))), n = LN(x); a part that the memory
// lacks is left out.
func (b *Backbone) Read(x *torch.Tensor, c *Context) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	n := b.norm.Forward(x)
	parts := []*torch.Tensor{n}
	switch {
	case b.working == nil:
	case c.keys != nil:
		parts = append(parts, b.readWorking(n, c))
	default:
		parts = append(parts, torch.ZerosLike(n))
	}
	if b.bank != nil {
		parts = append(parts, b.readBank(n, c))
	}
	joined := torch.Cat(parts, -1)
	fused := b.finalNorm.Forward(b.output.Forward(b.input.Forward(joined).Gelu("none")))
	scope.Exit(fused)
	return fused
}

// End closes the segment: the inputs that Read got and the states after the last
// block, [B, T, d] each, go to the working memory, of lane b the first lengths[b],
// and the segment counts. Where lanes hold several documents, of the lengths
// documents[b] (else it is nil), they are those of the last one, whose stream must be
// fresh unless it is alone.
func (b *Backbone) End(s *State, inputs, states *torch.Tensor, lengths []int64, documents [][]int64) {
	scope := torch.Enter()
	defer scope.Exit()
	last := lengths
	if documents != nil {
		last = lastOf(documents)
	}
	kept := []*torch.Tensor{states}
	if b.working != nil {
		kept = []*torch.Tensor{inputs, states}
	}
	s.push(kept, lengths, last)
	s.Count(lengths)
}
