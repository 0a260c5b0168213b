package model_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// TestGradients compares the gradient of every parameter with central
// differences along a random direction: routers, dispatch, both experts,
// attention, and memory with a segment in which lanes write for the first
// time, again, and not at all.
func TestGradients(t *testing.T) {
	t.Parallel()
	for _, cfg := range shapes(selection()) {
		if !cfg.UseIntrospection { // its detached gate has tests of its own
			job(t, func() { gradients(t, cfg) })
		}
	}
	for _, name := range []string{"text_only", "four"} {
		capacity := tiny(name)
		capacity.MoE.CapacityFactor, capacity.MoE.LoadBalancingScope = ptr(0.75), "sequence"
		capacity.MoE.RouterZLossWeight, capacity.EmbeddingFeatures = 0.02, true
		job(t, func() { gradients(t, capacity) })
	}
}

// lossAt returns a function that computes the loss of one segment from the
// same stream state each time, and the lanes' inputs: after two segments lane
// 0 goes on, lane 1 was reset once and lane 2 begins.
func lossAt(t *testing.T, m *model.Model) (loss func() *torch.Tensor, done func()) {
	documents := [][]segment{script(1)[0], script(2)[0], script(3)[0]}
	at := func(s int) model.Input { return input(rand.New(rand.NewPCG(1, 1)), 8, lanesAt(documents, s)...) }
	state := m.NewState(3)
	infer(m, at(0), state, model.Options{})
	state.Reset(1)
	infer(m, at(1), state, model.Options{})
	state.Reset(2)
	in, saved := at(2), copies(state.Tensors())
	rng := rand.New(rand.NewPCG(8, 8))
	targets := make([]int64, 24)
	for i := range targets {
		targets[i] = rng.Int64N(256)
	}
	wanted := torch.FromSlice(targets, 3, 8)
	return func() *torch.Tensor {
		if err := state.Restore(saved); err != nil {
			t.Fatal(err)
		}
		out := m.Forward(in, state, model.Options{Train: true, Info: true})
		loss := m.Loss(out, wanted, 1.0/24)
		if out.LoadBalancing != nil {
			loss = loss.Add(out.LoadBalancing.MulScalar(10)) // heavier, so that its share shows
		}
		return loss
	}, state.Free
}

func gradients(t *testing.T, cfg config.Model) {
	m := build(t, cfg, 11)
	defer m.Free()
	loss, done := lossAt(t, m)
	defer done()
	loss().Backward()
	rng := rand.New(rand.NewPCG(12, 12))
	for _, group := range grouped(m, func(p model.Parameter) bool { return p.Name == slots }) {
		compareDirection(t, cfg.Name, group, loss, rng)
	}
	for _, p := range m.Parameters() {
		p.Tensor.SetGrad(nil)
	}
	in := input(rand.New(rand.NewPCG(1, 1)), 8, script(4)[0][0], script(4)[1][0])
	unwritten := func() *torch.Tensor {
		return m.Loss(m.Forward(in, nil, model.Options{Train: true}), in.IDs, 1.0/16)
	}
	unwritten().Backward()
	for _, p := range m.Parameters() {
		if p.Name == slots {
			compareDirection(t, cfg.Name, []model.Parameter{p}, unwritten, rng)
		}
	}
}

// slots gets its gradient before a stream's first write only, which starts from
// their value, detached.
const slots = "memory.bank.slots"

// grouped returns the parameters but those left out one by one, or, where they
// are many, those of a component together: one wrong gradient shows in their sum.
func grouped(m *model.Model, out func(model.Parameter) bool) [][]model.Parameter {
	var groups [][]model.Parameter
	at := map[string]int{}
	for _, p := range m.Parameters() {
		if out(p) {
			continue
		}
		i, seen := at[p.Component]
		if !seen || len(m.Parameters()) < 80 {
			i = len(groups)
			at[p.Component] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// compareDirection compares the parameters' gradient along a random direction
// with a central difference of loss.
func compareDirection(t *testing.T, variant string, parameters []model.Parameter, loss func() *torch.Tensor, rng *rand.Rand) {
	t.Helper()
	scope := torch.Enter()
	defer scope.Exit()
	var directions []*torch.Tensor
	analytic := 0.0
	for _, p := range parameters {
		if p.Tensor.Grad() == nil {
			t.Errorf("%s: %s has no gradient", variant, p.Name)
			return
		}
		direction := make([]float64, p.Tensor.Numel())
		for i := range direction {
			direction[i] = rng.NormFloat64()
		}
		v := torch.FromSlice(direction, p.Tensor.Shape()...)
		directions = append(directions, v)
		analytic += p.Tensor.Grad().Mul(v).Sum().Item()
	}
	const step = 1e-5
	at := func(distance float64) (value float64) {
		torch.NoGrad(func() {
			for i, p := range parameters {
				p.Tensor.AddScaled_(directions[i], distance)
			}
			value = loss().Item()
			for i, p := range parameters {
				p.Tensor.AddScaled_(directions[i], -distance)
			}
		})
		return value
	}
	numeric := (at(step) - at(-step)) / (2 * step)
	if d := math.Abs(numeric - analytic); !(d <= 1e-6+1e-4*math.Abs(numeric)) {
		t.Errorf("%s: the gradient of %s (%d parameters of %s) along a direction is %g, differences give %g",
			variant, parameters[0].Name, len(parameters), parameters[0].Component, analytic, numeric)
	}
}

// TestAutocast holds the loss under bfloat16 near the exact
// one, with gradients for every parameter.
func TestAutocast(t *testing.T) {
	t.Parallel()
	for _, cfg := range append(selection(), tiny("four"), tiny("linear"), tiny("introspective"), tiny("all"), tiny("only dense")) {
		job(t, func() { underAutocast(t, cfg) })
	}
}

func underAutocast(t *testing.T, cfg config.Model) {
	m, err := model.New(cfg, 256, torch.CPU, torch.Float32, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	loss, done := lossAt(t, m)
	defer done()
	exact := loss().Item()
	var half *torch.Tensor
	torch.Autocast(torch.CPU.Type, torch.BFloat16, func() { half = loss() })
	if d := math.Abs(half.Item() - exact); d > 0.05*exact {
		t.Errorf("%s: loss %g in float32, %g in bfloat16", cfg.Name, exact, half.Item())
	}
	half.Backward()
	for _, p := range m.Parameters() {
		if g := p.Tensor.Grad(); g == nil || g.DType() != torch.Float32 || g.Isfinite().All().ItemInt() != 1 {
			t.Errorf("%s: %s has no finite float32 gradient under autocast", cfg.Name, p.Name)
		}
	}
}

// TestCheckpoints: recomputed blocks give the same loss and gradients, bit for
// bit, dropout and load balancing included.
func TestCheckpoints(t *testing.T) {
	t.Parallel()
	for _, cfg := range append(selection(), tiny("four"), tiny("linear"), tiny("introspective"), tiny("all")) {
		job(t, func() { checkpointed(t, cfg) })
	}
}

func checkpointed(t *testing.T, cfg config.Model) {
	cfg.Dropout = 0.2
	m := build(t, cfg, 13)
	defer m.Free()
	in := input(rand.New(rand.NewPCG(1, 1)), 8, script(4)[0][0], script(4)[1][0])
	run := func(c *torch.Checkpoints) (loss *torch.Tensor, gradients []*torch.Tensor) {
		torch.DefaultGenerator(torch.CPU).Seed(5)
		out := m.Forward(in, nil, model.Options{Train: true, Checkpoints: c})
		loss = m.Loss(out, in.IDs, 1.0/16)
		if out.LoadBalancing != nil {
			loss = loss.Add(out.LoadBalancing)
		}
		if c != nil {
			c.Backward([]*torch.Tensor{loss}, nil)
		} else {
			loss.Backward()
		}
		for _, p := range m.Parameters() {
			gradients = append(gradients, p.Tensor.Grad())
			p.Tensor.SetGrad(nil)
		}
		return loss, gradients
	}
	loss, gradients := run(nil)
	again, recomputed := run(&torch.Checkpoints{})
	near(t, cfg.Name+" loss", again, loss, 0)
	for i, p := range m.Parameters() {
		switch {
		case gradients[i] == nil && recomputed[i] == nil:
		case gradients[i] == nil || recomputed[i] == nil:
			t.Errorf("%s: %s has a gradient in one run only", cfg.Name, p.Name)
		case !torch.Equal(gradients[i], recomputed[i]):
			t.Errorf("%s: the gradient of %s differs", cfg.Name, p.Name)
		}
	}
}
