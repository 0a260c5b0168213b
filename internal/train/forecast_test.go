package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"agiformer/internal/torch"
)

// exactAUROC compares every pair.
func exactAUROC(values []float64, happened []bool) float64 {
	var won, pairs float64
	for i, positive := range happened {
		for j, other := range happened {
			switch {
			case !positive || other:
				continue
			case values[i] > values[j]:
				won++
			case values[i] == values[j]:
				won += 0.5
			}
			pairs++
		}
	}
	return won / pairs
}

// TestForecast holds AUROC and calibration error, gathered in two parts, to
// their definitions, for probabilities that crowd near 1 and with tokens that
// do not count among them.
func TestForecast(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 400
	var values, probabilities, events, valid []float64
	var counted []float64
	var happened []bool
	var sums, hits [calibrationBins]float64
	for range n {
		z := 9 + 4*rng.NormFloat64()
		p := 1 / (1 + math.Exp(-z))
		event := rng.Float64() < 0.3+0.5*p*rng.Float64()
		counts := rng.IntN(4) > 0
		values, probabilities = append(values, z), append(probabilities, p)
		events, valid = append(events, number(event)), append(valid, number(counts))
		if !counts {
			continue
		}
		counted, happened = append(counted, z), append(happened, event)
		bin := min(int(p*calibrationBins), calibrationBins-1)
		sums[bin] += p
		hits[bin] += number(event)
	}
	ece, share := 0.0, 0.0
	for i := range sums {
		ece += math.Abs(sums[i]-hits[i]) / float64(len(counted))
		share += hits[i]
	}
	err := torch.Do(func() {
		f := newForecast(torch.CPU)
		defer f.free()
		for _, half := range [][2]int{{0, 150}, {150, n}} {
			part := func(x []float64) *torch.Tensor { return torch.FromSlice(x[half[0]:half[1]]) }
			f.add(part(probabilities), part(values), part(events), part(valid))
		}
		got, gotShare := f.read(int64(len(counted)))
		if math.Abs(got.CalibrationError-ece) > 1e-12 || gotShare != share {
			t.Errorf("calibration error %g of %g events, want %g of %g", got.CalibrationError, gotShare, ece, share)
		}
		if want := exactAUROC(counted, happened); math.Abs(float64(got.AUROC)-want) > 1e-3 {
			t.Errorf("AUROC %g, want %g", got.AUROC, want)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// TestAUROC by hand: of six pairs four are won, one is tied, one lost; and without one kind
// of token there is none.
func TestAUROC(t *testing.T) {
	t.Parallel()
	if got := auroc([]float64{2, 0, 1}, []float64{0, 1, 1}); math.Abs(got-4.5/6) > 1e-12 {
		t.Errorf("AUROC %g, want %g", got, 4.5/6)
	}
	if got := auroc([]float64{2, 1}, []float64{0, 0}); !math.IsNaN(got) {
		t.Errorf("AUROC %g without a positive", got)
	}
}

// TestLogit: exact in the middle, finite order kept where the probability is 1.
func TestLogit(t *testing.T) {
	t.Parallel()
	err := torch.Do(func() {
		got := torch.Data[float64](logit(torch.FromSlice([]float64{math.Log(0.8), 0, 1e-9})))
		if math.Abs(got[0]-math.Log(4)) > 1e-12 || !math.IsInf(got[1], 1) || !math.IsInf(got[2], 1) {
			t.Errorf("logits %v", got)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
