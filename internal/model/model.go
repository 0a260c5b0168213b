package model

import (
	"fmt"
	"slices"

	"agiformer/internal/config"
	"agiformer/internal/experts"
	"agiformer/internal/memory"
	"agiformer/internal/model/introspection"
	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

// Parameter is one learned tensor of the model.
type Parameter struct {
	// Name as in model.safetensors (docs/model.md).
	Name   string
	Tensor *torch.Tensor
	// Decay says whether weight decay acts on it.
	Decay bool
	// Component is the part it belongs to: embedding, memory, attention,
	// router, experts.KIND, introspection or head.
	Component string
}

// Model is an AGIFORMER.
type Model struct {
	cfg    config.Model
	dtype  torch.DType
	device torch.Device

	parameters []Parameter
	embedding  embedding
	memory     *memory.Backbone
	blocks     []*block
	loop       *introspection.Loop // after the last block; nil where it is off
	finalNorm  nn.LayerNorm
	head       *torch.Tensor // [V, d]
	// headBias [V] is -inf for id 0, which is padding and never predicted.
	headBias *torch.Tensor
	rotary   *nn.Rotary
	features map[string]experts.Features
}

// New builds a model with parameters in dt (Float32, or Float64 in tests) on
// dev, drawn from seed: the same values on every device. It fails with the
// sentence of Supported.
func New(cfg config.Model, vocab int, dev torch.Device, dt torch.DType, seed uint64) (*Model, error) {
	if err := Supported(cfg); err != nil {
		return nil, err
	}
	m := &Model{cfg: cfg, dtype: dt, device: dev, features: map[string]experts.Features{}}
	scope := torch.Enter()
	defer scope.Exit()
	built := false
	defer func() {
		if !built { // the job is ending with an error
			m.Free()
		}
	}()
	all := map[string]*torch.Tensor{}
	for _, s := range specs(cfg, int64(vocab)) {
		t := s.Make(dt, dev, seed)
		all[s.Name] = t
		m.parameters = append(m.parameters, Parameter{
			Name: s.Name, Tensor: t, Decay: s.Decay, Component: component(cfg, s.Name)})
	}
	m.build(nn.NewParams(all), int64(vocab))
	built = true
	return m, nil
}

// build wires the parts over the parameters p and makes the constant tables.
func (m *Model) build(p nn.Params, vocab int64) {
	cfg := m.cfg
	m.embedding = newEmbedding(p.Sub("embedding"))
	if cfg.UseMemory {
		m.memory = memory.New(memoryShape(cfg), p.Sub("memory"), m.device)
	}
	for i := range cfg.NLayers {
		m.blocks = append(m.blocks, newBlock(cfg, i, p.Sub(fmt.Sprintf("blocks.%d", i))))
	}
	if cfg.UseIntrospection {
		m.loop = introspection.New(introspectionShape(cfg), p.Sub("introspection"), m.dtype, m.device)
	}
	m.finalNorm = nn.NewLayerNorm(p.Sub("final_norm"))
	m.head = p.Get("head.weight")
	bias := make([]float64, vocab)
	bias[0] = negativeInfinity
	m.headBias = torch.FromSlice(bias, vocab).ToDType(m.dtype).ToDevice(m.device).Keep()
	m.rotary = nn.NewRotary(cfg.HeadDim(), cfg.SegmentLen(), m.dtype, m.device)
	for _, name := range cfg.ExpertTypes {
		if _, made := m.features[name]; !made {
			kind, _ := experts.Lookup(name)
			if f := kind.Features(expertShape(cfg), m.dtype, m.device); f != nil {
				m.features[name] = f
			}
		}
	}
}

// Config returns the configuration that the model was built from.
func (m *Model) Config() config.Model { return m.cfg }

// Device returns where the parameters are.
func (m *Model) Device() torch.Device { return m.device }

// Parameters returns the parameters in their fixed order.
func (m *Model) Parameters() []Parameter { return m.parameters }

// Free frees the parameters and tables.
func (m *Model) Free() {
	for _, p := range m.parameters {
		p.Tensor.Free()
	}
	if m.loop != nil {
		m.loop.Free()
	}
	for _, f := range m.features {
		f.Free()
	}
	if m.headBias != nil {
		m.headBias.Free()
	}
	if m.rotary != nil {
		m.rotary.Free()
	}
	*m = Model{}
}

// Load copies tensors into the parameters. Names and shapes must be exactly
// the model's; on an error nothing was changed.
func (m *Model) Load(tensors map[string]*torch.Tensor) error {
	for _, p := range m.parameters {
		t, ok := tensors[p.Name]
		if !ok {
			return fmt.Errorf("the checkpoint lacks the parameter %s: it was made by another configuration", p.Name)
		}
		if !slices.Equal(t.Shape(), p.Tensor.Shape()) {
			return fmt.Errorf("the checkpoint's parameter %s has shape %v instead of %v: it was made by another configuration", p.Name, t.Shape(), p.Tensor.Shape())
		}
	}
	if len(tensors) != len(m.parameters) {
		return fmt.Errorf("the checkpoint has %d parameters instead of %d: %s is not the model's", len(tensors), len(m.parameters), m.unknown(tensors))
	}
	for _, p := range m.parameters {
		p.Tensor.CopyFrom(tensors[p.Name])
	}
	return nil
}

// unknown returns the first name, in order, that no parameter has.
func (m *Model) unknown(tensors map[string]*torch.Tensor) string {
	var names []string
	for name := range tensors {
		if !slices.ContainsFunc(m.parameters, func(p Parameter) bool { return p.Name == name }) {
			names = append(names, name)
		}
	}
	return slices.Min(names)
}
