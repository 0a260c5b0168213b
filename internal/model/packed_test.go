package model_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

// piece is what a packed lane holds of a document in one segment.
type piece struct{ document, length int }

// packedScript is what four lanes of 40 places hold in three segments: documents
// that end with their lane, that go on in the next segment (0 over all three) and
// beyond what a lane's last one leaves of its stream; padding and an idle lane.
var packedScript = [][][]piece{
	{{{1, 3}, {0, 37}}, {{2, 1}, {3, 2}, {4, 17}, {5, 16}}, {{6, 40}}, {{7, 33}, {8, 7}}},
	{{{0, 40}}, {{9, 20}, {10, 20}}, {{6, 5}, {11, 35}}, {{8, 2}, {12, 1}, {13, 30}}},
	{{{0, 10}, {14, 30}}, {{10, 9}}, {{11, 40}}, {}},
}

const packedDocuments, packedLen = 15, 40

// packedWorld deals the script's text in two ways: as it is packed, and each
// document in a lane of its own.
type packedWorld struct {
	rng      *rand.Rand
	labelers [packedDocuments]tokenizer.Labeler // after the pieces so far
}

// deal draws the text of a segment and returns both inputs, and for each packed
// lane where its tokens are in the lonely lanes laid one after the other.
func (w *packedWorld) deal(lanes [][]piece) (packed, alone model.Input, places []int64, targets, targetsAlone *torch.Tensor) {
	lonely := make([]segment, packedDocuments)
	for i := range lonely {
		lonely[i] = fresh(nil)
	}
	var columns [6][]int64 // of the packed lanes: ids, types, places, vowels, words, targets
	of := make([]int64, packedDocuments*packedLen)
	for b, lane := range lanes {
		packed.Documents = append(packed.Documents, nil)
		packed.Lengths = append(packed.Lengths, 0)
		for _, p := range lane {
			text := randomText(w.rng, p.length)
			if w.labelers[p.document] == nil {
				w.labelers[p.document] = fresh(nil).labeler
			}
			labeler, word := w.labelers[p.document], int64(0)
			lonely[p.document] = segment{text, twin(labeler)}
			for i, id := range text {
				l := labeler.Next(id)
				if l.WordStart {
					word++
				}
				target := 1 + w.rng.Int64N(255)
				of[p.document*packedLen+i] = target
				for c, v := range [6]int64{int64(id), int64(l.Type), int64(l.Place), int64(l.Vowel), word, target} {
					columns[c] = append(columns[c], v)
				}
				places = append(places, int64(p.document*packedLen+i))
			}
			packed.Documents[b] = append(packed.Documents[b], int64(p.length))
			packed.Lengths[b] += int64(p.length)
		}
		for len(columns[0]) < (b+1)*packedLen { // padding
			for c := range 5 {
				columns[c] = append(columns[c], w.rng.Int64N(8))
			}
			columns[5] = append(columns[5], 0)
			places = append(places, -1)
		}
	}
	put := func(c int) *torch.Tensor { return torch.FromSlice(columns[c], int64(len(lanes)), packedLen) }
	packed.IDs, packed.Types, packed.Places, packed.Vowels, packed.Words = put(0), put(1), put(2), put(3), put(4)
	return packed, input(w.rng, packedLen, lonely...), places, put(5), torch.FromSlice(of, packedDocuments, packedLen)
}

// twin returns a labeler in the same state.
func twin(labeler tokenizer.Labeler) tokenizer.Labeler {
	other := fresh(nil).labeler
	if err := other.SetState(labeler.State()); err != nil {
		panic(err)
	}
	return other
}

// TestPackedDocumentsAreAlone: the logits, losses and gradients of lanes that hold
// several documents are those of each document in a lane of its own, over three
// segments with memory, whatever the parts of the model.
func TestPackedDocumentsAreAlone(t *testing.T) {
	t.Parallel()
	for _, variant := range variants {
		cfg := tiny(variant)
		cfg.MoE.LoadBalancingScope = "sequence"
		job(t, func() { packedAlone(t, cfg, model.Options{}) })
	}
	full := tiny("all twice")
	full.UseIntrospection, full.MaxIterations = true, 2
	full.Introspection = config.Introspection{LossWeight: 0.5, PonderWeight: 0.3}
	full.UseLinearAttention, full.MoE.RouterZLossWeight = true, 0.02
	job(t, func() { packedAlone(t, full, model.Options{Train: true}) })
	job(t, func() { packedAlone(t, full, model.Options{Train: true, Checkpoints: &torch.Checkpoints{}}) })
	full.MoE.CapacityFactor = ptr(0.2)
	full.Name = "with a capacity"
	job(t, func() { packedAlone(t, full, model.Options{Train: true}) })
}

func packedAlone(t *testing.T, cfg config.Model, o model.Options) {
	t.Helper()
	cfg.MaxSeqLen = packedLen
	m := build(t, cfg, 5)
	defer m.Free()
	w := &packedWorld{rng: rand.New(rand.NewPCG(7, 7))}
	state, alone := m.NewState(4), m.NewState(packedDocuments)
	defer state.Free()
	defer alone.Free()
	for s, lanes := range packedScript {
		what := fmt.Sprintf("%s, segment %d", cfg.Name, s)
		if s == 1 { // its document ended with the lane
			state.Reset(1)
		}
		packed, lonely, places, targets, targetsAlone := w.deal(lanes)
		got := lossAndGradient(m, packed, state, targets, o)
		want := lossAndGradient(m, lonely, alone, targetsAlone, o)
		near(t, what+": loss", got.loss, want.loss, 1e-9)
		for i, at := range places {
			if at >= 0 {
				near(t, fmt.Sprintf("%s, place %d", what, i), got.logits.Select(0, int64(i)), want.logits.Select(0, at), 1e-9)
			}
		}
		for i, p := range m.Parameters() {
			near(t, what+": gradient of "+p.Name, got.gradients[i], want.gradients[i], 1e-9)
		}
	}
}

// outcome is what a pass gives.
type outcome struct {
	loss, logits *torch.Tensor // logits [B·T, V-1]
	gradients    []*torch.Tensor
}

func lossAndGradient(m *model.Model, in model.Input, s *model.State, targets *torch.Tensor, o model.Options) outcome {
	if o.Checkpoints != nil {
		o.Checkpoints = &torch.Checkpoints{}
	}
	out := m.Forward(in, s, o)
	loss := m.Loss(out, targets, 1.0/100)
	if out.LoadBalancing != nil {
		loss = loss.Add(out.LoadBalancing.MulScalar(10)) // heavier, so that its share shows
	}
	if o.Checkpoints != nil {
		o.Checkpoints.Backward([]*torch.Tensor{loss}, nil)
	} else {
		loss.Backward()
	}
	logits := tail(out.Logits).Detach()
	r := outcome{loss: loss.Detach(), logits: logits.Reshape(targets.Numel(), logits.Size(2))}
	for _, p := range m.Parameters() {
		g := p.Tensor.Grad()
		if g == nil {
			g = torch.ZerosLike(p.Tensor.Detach())
		}
		r.gradients = append(r.gradients, g.Clone())
		p.Tensor.SetGrad(nil)
	}
	return r
}
