package model_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// TestCausality changes every position of a document of several segments, and
// everything after it, and checks that no earlier logit moves and that the
// changed position's does. All changes run as lanes of one batch.
func TestCausality(t *testing.T) {
	t.Parallel()
	for _, cfg := range shapes(product()) {
		for _, capacity := range []bool{false, true} {
			job(t, func() { causality(t, cfg, capacity) })
		}
	}
}

func causality(t *testing.T, cfg config.Model, capacity bool) {
	if capacity {
		cfg.MoE.CapacityFactor = ptr(0.75)
	}
	m := build(t, cfg, 3)
	defer m.Free()
	rng := rand.New(rand.NewPCG(5, 7))
	const segmentLen, segments = 8, 3
	n := segmentLen * segments
	original := randomText(rng, n)
	documents := make([][]segment, n+1) // lane p is changed from p on, lane n nowhere
	for p := range documents {
		ids := slices.Clone(original)
		for i := p; i < n; i++ {
			ids[i] = 'A' + int32(rng.IntN(20))
		}
		documents[p] = cut(ids, segmentLen)
	}
	state := m.NewState(n + 1)
	defer state.Free()
	for s := range segments {
		lanes := make([]segment, n+1)
		for p := range lanes {
			lanes[p] = documents[p][s]
		}
		logits := infer(m, input(rng, segmentLen, lanes...), state, model.Options{Train: capacity})
		unchanged := logits.Narrow(0, int64(n), 1)
		moved := torch.Data[float64](logits.Sub(unchanged).Abs().Amax([]int64{2}, false))
		for p := range n {
			for i := range segmentLen {
				at := s*segmentLen + i
				d := moved[p*segmentLen+i]
				if at < p && !(d <= 1e-9) {
					t.Errorf("%s, capacity %v: changing position %d moves the logits at %d by %g", cfg.Name, capacity, p, at, d)
				}
				if at == p && !(d > 1e-6) {
					t.Errorf("%s, capacity %v: changing position %d does not move its own logits", cfg.Name, capacity, p)
				}
			}
		}
	}
}

// TestMemoryReachesLaterSegments checks that the causality test has something
// to find: a change in the first segment moves the third.
func TestMemoryReachesLaterSegments(t *testing.T) {
	t.Parallel()
	job(t, func() {
		cfg := tiny("text_only")
		cfg.MaxSegmentLen = ptr(int64(3)) // the third segment sees the first through the bank only
		m := build(t, cfg, 3)
		defer m.Free()
		ids := randomText(rand.New(rand.NewPCG(1, 2)), 24)
		before := parallel(m, ids)
		ids[6] = 'Z'
		after := parallel(m, ids)
		if d := after.Sub(before).Narrow(0, 16, 8).Abs().Max().Item(); d < 1e-9 {
			t.Errorf("the third segment's logits moved by %g only", d)
		}
	})
}
