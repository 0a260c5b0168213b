package model

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"agiformer/internal/torch"
)

// SampleOptions say how the next token is drawn.
type SampleOptions struct {
	// Temperature divides the logits; 0 takes the most probable token.
	Temperature float64
	// TopK draws from the K most probable tokens; 0 is off.
	TopK int
	// TopP draws from the fewest tokens whose probability reaches P
	// (Holtzman et al. 2020), after TopK; 0 or 1 is off.
	TopP float64
}

// Sample draws a token from logits [V]. Equal logits, options and generator
// state give the same token; among equal logits the lower id comes first.
func Sample(logits *torch.Tensor, o SampleOptions, rng *rand.Rand) int32 {
	return SampleValues(torch.Data[float32](logits.ToDType(torch.Float32)), o, rng)
}

// candidate is a token with its logit or probability.
type candidate struct {
	id    int32
	value float64
}

// SampleValues is Sample for logits on the host.
func SampleValues(logits []float32, o SampleOptions, rng *rand.Rand) int32 {
	all := make([]candidate, 0, len(logits))
	for id, v := range logits {
		if !math.IsInf(float64(v), -1) {
			all = append(all, candidate{int32(id), float64(v)})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.value, a.value) })
	if o.Temperature == 0 {
		return all[0].id
	}
	if o.TopK > 0 && o.TopK < len(all) {
		all = all[:o.TopK]
	}
	total := 0.0
	largest := all[0].value
	for i := range all {
		all[i].value = math.Exp((all[i].value - largest) / o.Temperature)
		total += all[i].value
	}
	if o.TopP > 0 && o.TopP < 1 {
		all, total = nucleus(all, o.TopP*total)
	}
	left := rng.Float64() * total
	for _, c := range all {
		left -= c.value
		if left < 0 {
			return c.id
		}
	}
	return all[len(all)-1].id // rounding left a rest
}

// nucleus returns the first candidates whose values reach enough, and their sum.
func nucleus(all []candidate, enough float64) ([]candidate, float64) {
	sum := 0.0
	for i, c := range all {
		sum += c.value
		if sum >= enough {
			return all[:i+1], sum
		}
	}
	return all, sum
}
