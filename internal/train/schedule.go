package train

import "math"

// LearningRate returns lr(s) = peak · min(s/w, sqrt(w/s)) for the optimizer
// step s, counted from 1, with w = max(1, warmup): a linear rise, then the
// inverse square root (Vaswani et al. 2017, section 5.3, scaled so that its
// highest value is peak).
func LearningRate(peak float64, warmup, step int64) float64 {
	w := math.Max(1, float64(warmup))
	s := float64(step)
	return peak * math.Min(s/w, math.Sqrt(w/s))
}
