package model_test

import (
	"math/rand/v2"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// TestDecodingIsFlat: after the first roll no further tensor stays alive.
func TestDecodingIsFlat(t *testing.T) {
	t.Parallel()
	for _, cfg := range append(selection(), tiny("text_only")) {
		job(t, func() {
			m := build(t, cfg, 9)
			defer m.Free()
			d := m.NewDecoder(tokenizer.NewByte().NewLabeler())
			defer d.Free()
			live := map[int]int64{}
			for i, id := range randomText(rand.New(rand.NewPCG(2, 2)), 44) {
				scope := torch.Enter()
				d.Feed([]int32{id})
				scope.Exit()
				live[i] = torch.Live()
			}
			if live[27] != live[43] {
				t.Errorf("%s: %d tensors alive after 28 tokens, %d after 44", cfg.Name, live[27], live[43])
			}
		})
	}
}

// TestTrainingIsFlat: a stream that goes on through many steps, with an update of
// the parameters in each, keeps no more tensors and no more bytes than after a few.
func TestTrainingIsFlat(t *testing.T) {
	t.Parallel()
	for _, cfg := range append(selection(), tiny("text_only")) {
		job(t, func() { trainingIsFlat(t, cfg) })
	}
}

func trainingIsFlat(t *testing.T, cfg config.Model) {
	m := build(t, cfg, 9)
	defer m.Free()
	state := m.NewState(2)
	defer state.Free()
	rng := rand.New(rand.NewPCG(3, 3))
	step := func() {
		scope := torch.Enter()
		defer scope.Exit()
		in := input(rng, 8, fresh(randomText(rng, 8)), fresh(randomText(rng, 8)))
		m.Loss(m.Forward(in, state, model.Options{Train: true, Info: true}), in.IDs, 1.0/16).Backward()
		torch.NoGrad(func() {
			for _, p := range m.Parameters() {
				if g := p.Tensor.Grad(); g != nil {
					p.Tensor.AddScaled_(g, -1e-3)
				}
				p.Tensor.SetGrad(nil)
			}
		})
	}
	const early, late = 4, 24
	var live, bytes [late + 1]int64
	for i := 1; i <= late; i++ {
		step()
		live[i], bytes[i] = torch.Live(), stateBytes(state)
	}
	if live[early] != live[late] || bytes[early] != bytes[late] {
		t.Errorf("%s: after %d steps %d tensors are alive and a state has %d bytes, after %d steps %d and %d",
			cfg.Name, early, live[early], bytes[early], late, live[late], bytes[late])
	}
}
