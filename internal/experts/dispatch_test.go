package experts

import (
	"testing"

	"agiformer/internal/torch"
)

// lopsided returns choices [B, T, k] of k experts in which lanes differ as much
// as they can: lane b prefers expert b, and tokens turn to others here and there.
func lopsided(lanes, length, k, experts int64) []int64 {
	var choices []int64
	for b := range lanes {
		for t := range length {
			first := b
			if t%(b+3) == 0 {
				first += t
			}
			for j := range k {
				choices = append(choices, (first+j)%experts)
			}
		}
	}
	return choices
}

// TestDispatchWithoutPadding: each choice gets a place that holds its token, in
// the part of the expert, and the experts compute no more rows than there are
// choices, but for what rounding to few shapes adds in training.
func TestDispatchWithoutPadding(t *testing.T) {
	t.Parallel()
	const lanes, length, experts = 5, 67, 4
	for _, k := range []int64{1, 2} {
		for _, recorded := range []bool{false, true} {
			job(t, func() {
				choices := lopsided(lanes, length, k, experts)
				c := choice{
					experts: torch.FromSlice(choices, lanes, length, k),
					weights: torch.Ones(torch.Float32, torch.CPU, lanes, length, k),
				}
				s := &Segment{Lanes: lanes, Len: length, Recorded: recorded}
				r := &router{Routing: Routing{Experts: experts, TopK: k}}
				p := r.dispatch(c, s)
				most := int64(len(choices))
				if recorded {
					most += most/16 + experts
				}
				if rows := p.tokens.Index.Numel(); rows < int64(len(choices)) || rows > most {
					t.Errorf("%d choices take %d rows, want at most %d", len(choices), rows, most)
				}
				source, slots := torch.Data[int64](p.tokens.Index), torch.Data[int64](p.choices.Index)
				taken := map[int64]bool{}
				for i, e := range choices {
					slot := slots[i]
					first := totalRows(p.experts[:e])
					if slot < first || slot >= first+p.experts[e].rows() || taken[slot] {
						t.Fatalf("choice %d has place %d, taken or not of expert %d", i, slot, e)
					}
					taken[slot] = true
					if token := int64(i) / k; source[slot] != token {
						t.Fatalf("place %d holds token %d, want %d", slot, source[slot], token)
					}
				}
			})
		}
	}
}

// TestGathersKnowTheirInverse: with and without limits and masks, what a plan gathers there and back again is undone by
// the inverses, and a place whose gradient they leave out is one that no choice reads with a weight.
func TestGathersKnowTheirInverse(t *testing.T) {
	t.Parallel()
	const lanes, length, experts = 3, 20, 4
	for _, k := range []int64{1, 2} {
		for _, capacity := range []float64{0, 0.75} {
			for _, masked := range []bool{false, true} {
				job(t, func() {
					c := choice{
						experts: torch.FromSlice(lopsided(lanes, length, k, experts), lanes, length, k),
						weights: torch.Ones(torch.Float32, torch.CPU, lanes, length, k),
					}
					s := &Segment{Lanes: lanes, Len: length, Recorded: true, Train: true}
					if masked {
						valid := make([]bool, lanes*length)
						for i := range valid {
							valid[i] = i%length < length-int(i/length)*3
						}
						s.Mask = torch.FromSlice(valid, lanes, length)
					}
					r := &router{Routing: Routing{Experts: experts, TopK: k, CapacityFactor: capacity}}
					p := r.dispatch(c, s)
					weights := torch.Data[float32](p.weights)
					inverse := torch.Data[int64](p.tokens.Inverse) // [token, choice]: its place
					tokens, read := torch.Data[int64](p.tokens.Index), torch.Data[int64](p.choices.Index)
					back := torch.Data[int64](p.choices.Inverse)
					placed := 0
					for i, place := range inverse {
						if (place < 0) != (weights[i] == 0) {
							t.Fatalf("choice %d has place %d and weight %g", i, place, weights[i])
						}
						if place < 0 {
							continue
						}
						placed++
						if tokens[place] != int64(i)/k || read[i] != place || back[place] != int64(i) {
							t.Fatalf("choice %d is in place %d, which holds token %d; it reads place %d, and that is read by %d",
								i, place, tokens[place], read[i], back[place])
						}
					}
					for _, i := range back {
						if i >= 0 {
							placed--
						}
					}
					if placed != 0 {
						t.Errorf("%d choices have a place that does not know them", placed)
					}
				})
			}
		}
	}
}
