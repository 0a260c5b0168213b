package train

import (
	"math"

	"agiformer/internal/metrics"
	"agiformer/internal/torch"
)

// calibrationBins is the number of equal bins of probability in the expected
// calibration error (Guo et al. 2017, section 2).
const calibrationBins = 15

// rankBins is the number of equal bins, of logits from -rankRange to rankRange,
// that tokens are sorted into for the AUROC; within a bin they count as ties.
// Bins of logits stay fine where probabilities crowd at 0 and 1.
const (
	rankBins  = 10000
	rankRange = 20.0
)

// Forecast tells how well a probability foretells its event.
type Forecast struct {
	// CalibrationError is the expected calibration error: |probability - share
	// of events|, mean over tokens sorted into 15 bins.
	CalibrationError float64 `json:"ece"`
	// AUROC is the probability that a token with the event has a larger value
	// than one without; null where all or none have it.
	AUROC metrics.Number `json:"auroc"`
}

// forecast gathers a Forecast over batches, on the device in float64.
type forecast struct {
	bins  *torch.Tensor // [2, 15] of probability: its sum, events
	ranks *torch.Tensor // [2, rankBins] of logits: tokens without and with the event
}

// newForecast is called inside a job, like add, read and free.
func newForecast(device torch.Device) *forecast {
	zeros := func(n int64) *torch.Tensor { return torch.Zeros(torch.Float64, device, 2, n).Keep() }
	return &forecast{bins: zeros(calibrationBins), ranks: zeros(rankBins)}
}

func (f *forecast) free() {
	if f != nil {
		torch.FreeAll([]*torch.Tensor{f.bins, f.ranks})
	}
}

// add takes tokens in: the event's probabilities and their logits (float64), what
// happened and which tokens are valid (float64, 0 or 1), each [n].
func (f *forecast) add(probabilities, logits, happened, valid *torch.Tensor) {
	scope := torch.Enter()
	defer scope.Exit()
	place := func(x *torch.Tensor, bins float64) *torch.Tensor {
		return x.MulScalar(bins).ClampMin(0).ClampMax(bins - 1).ToDType(torch.Int64)
	}
	pair := func(a, b *torch.Tensor) *torch.Tensor { return torch.Stack([]*torch.Tensor{a, b}, 0) }
	happened = happened.Mul(valid)
	f.bins.IndexAdd_(1, place(probabilities, calibrationBins), pair(probabilities.Mul(valid), happened))
	rank := logits.AddScalar(rankRange).DivScalar(2 * rankRange)
	f.ranks.IndexAdd_(1, place(rank, rankBins), pair(valid.Sub(happened), happened))
}

// logit returns log p - log(1 - p) of logarithms of probabilities, which rounding
// may have left just above 0.
func logit(logs *torch.Tensor) *torch.Tensor {
	return logs.Sub(logs.Expm1().Neg().ClampMin(0).Log())
}

// read returns the forecast over so many tokens, and how often the event was.
func (f *forecast) read(tokens int64) (Forecast, float64) {
	bins := torch.Data[float64](f.bins)
	var r Forecast
	var events float64
	for i := range calibrationBins {
		r.CalibrationError += math.Abs(bins[i]-bins[calibrationBins+i]) / float64(tokens)
		events += bins[calibrationBins+i]
	}
	ranks := torch.Data[float64](f.ranks)
	r.AUROC = metrics.Number(auroc(ranks[:rankBins], ranks[rankBins:]))
	return r, events
}

// auroc is the area under the receiver operating characteristic of values sorted
// into bins: the share of pairs of a negative and a positive in which the
// positive is in a higher bin, half of those in the same. NaN without pairs.
func auroc(negatives, positives []float64) float64 {
	var below, above, pairs float64
	for i, n := range negatives {
		pairs += positives[i] * (below + n/2)
		below += n
		above += positives[i]
	}
	return pairs / (below * above)
}
