package experts

import (
	"fmt"
	"os"
	"testing"

	"agiformer/internal/model/nn"
	"agiformer/internal/torch"
)

func TestMain(m *testing.M) {
	torch.SetThreads(1)
	code := m.Run()
	if n := torch.Live(); n != 0 {
		fmt.Fprintf(os.Stderr, "%d tensors are still alive after all tests\n", n)
		code = 1
	}
	os.Exit(code)
}

// job runs fn on the torch worker.
func job(t *testing.T, fn func()) {
	t.Helper()
	if err := torch.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// testShape has two heads of 32 an expert: 1/sqrt(32) is no power of two, so
// that scaling rounds.
var testShape = Shape{DModel: 128, DFF: 64, Heads: 4, Layers: 2, SegmentLen: 16384}

// attending is one attention with the tables of its kind.
type attending struct {
	Attention
	features   Features
	parameters map[string]*torch.Tensor
}

// newAttending builds the kind's attention for s in dt; equal seeds give equal
// values in every dt.
func newAttending(kind string, s Shape, dt torch.DType) *attending {
	k := kinds[kind]
	a := &attending{parameters: map[string]*torch.Tensor{}}
	for _, spec := range k.Specs(s) {
		a.parameters[spec.Name] = spec.Make(dt, torch.CPU, 3)
	}
	a.Attention = k.New(s, nn.NewParams(a.parameters))
	a.features = k.Features(s, dt, torch.CPU)
	return a
}

func (a *attending) free() {
	a.features.Free()
	for _, p := range a.parameters {
		p.Free()
	}
}

// rowsAt returns the feature rows [1, n, w] of the tokens at the positions.
func (a *attending) rowsAt(length int64, positions []int64) []*torch.Tensor {
	nothing := torch.Zeros(torch.Int64, torch.CPU, 1, length)
	s := &Segment{Lanes: 1, Len: length, Types: nothing, Places: nothing, Vowels: nothing, Words: nothing}
	s.Prepare(map[string]Features{"it": a.features})
	n := int64(len(positions))
	return s.rowsOf("it", torch.FromSlice(positions, n), 1, n)
}

// headsOf returns the extended queries, keys and values as they are attended.
func (a *attending) headsOf(t *testing.T, u *torch.Tensor, rows []*torch.Tensor) (q, k, v *torch.Tensor) {
	switch kind := a.Attention.(type) {
	case *languageAttention:
		packed, ofQueries, ofKeys := kind.project(u, rows, nil)
		return torch.RotaryHeads(packed, kind.count, rows[0], rows[1], ofQueries, ofKeys, nil)
	case *plainAttention:
		return torch.RotaryHeads(torch.Project(u, kind.qkv.Weight()), kind.count, rows[0], rows[1], nil, nil, nil)
	case *logicAttention:
		return torch.RotaryHeads(kind.project(u, nil), kind.count, rows[0], rows[1], nil, nil, nil)
	case *spatialAttention:
		q, k, v, _ = kind.heads(kind.project(u, nil), u, rows)
		return q, k, v
	case *causalAttention:
		packed, ofQueries, ofKeys := kind.project(u, rows, nil)
		q, k, v = torch.RotaryHeads(packed, kind.count, rows[0], rows[1], ofQueries, ofKeys, nil)
		null := kind.null()
		return q, nn.Shift(null.Key, k), nn.Shift(null.Value, v)
	default:
		t.Fatalf("the test does not know the heads of %T", kind)
		return nil, nil, nil
	}
}

// states returns u [1, n, d] that bfloat16 holds exactly.
func states(n int64, dt torch.DType) *torch.Tensor {
	g := torch.NewGenerator(torch.CPU, 4)
	defer g.Free()
	u := torch.Empty(torch.Float32, torch.CPU, 1, n, testShape.DModel).Normal_(0, 1, g)
	return u.ToDType(torch.BFloat16).ToDType(dt)
}

// TestFusedKernel: the fused attention kernel of the CPU takes the layouts of
// every kind that attends, with gradients, and of one token with its cache.
func TestFusedKernel(t *testing.T) {
	t.Parallel()
	for _, kind := range Names() {
		if len(kinds[kind].Specs(testShape)) == 0 {
			continue
		}
		for _, dt := range []torch.DType{torch.Float32, torch.Float64} {
			job(t, func() {
				s := testShape
				s.SegmentLen = 16
				a := newAttending(kind, s, dt)
				defer a.free()
				rows := a.rowsAt(16, []int64{0, 2, 3, 7, 8, 9, 10, 15})
				q, k, v := a.headsOf(t, states(8, dt), rows)
				if !q.RequiresGrad() || torch.AttentionKernelOf(q, k, v, nil, true) == torch.PlainAttention {
					t.Errorf("%s in %s: the fused kernel is not chosen", kind, dt)
				}
				torch.NoGrad(func() {
					cache := nn.NewCache(16)
					defer cache.Free()
					a.Forward(states(8, dt), rows, cache)
					one := a.rowsAt(16, []int64{15})
					q, _, _ := a.headsOf(t, states(1, dt), one)
					keys := torch.Zeros(dt, torch.CPU, 1, k.Size(1), 17, k.Size(3)).Narrow(2, 0, cache.Len())
					if torch.AttentionKernelOf(q, keys, keys, nil, false) == torch.PlainAttention {
						t.Errorf("%s in %s: the fused kernel is not chosen while decoding", kind, dt)
					}
				})
			})
		}
	}
}
