package introspection

import "agiformer/internal/model/nn"

// Shape is what introspection needs to know of the model.
type Shape struct {
	// DModel d; Width d', Heads H' and Head h' of the attention, as in the experts.
	DModel, Width, Heads, Head int64
	// Layers of the model, SegmentLen T and Iterations N at most.
	Layers, SegmentLen, Iterations int64
}

// startBias of the three heads: error and confidence know nothing, and with
// halting probabilities of 0.27 a token goes around several times at first.
var startBias = nn.Values(0, 0, -1)

// startEvidence makes the first confidence the softmax's own probability p_1 of
// the first guess.
var startEvidence = nn.Values(1, 0, 0)

// Specs lists the parameters in their fixed order.
func Specs(s Shape) []nn.Spec {
	d, inner := s.DModel, s.Width
	in := func(name string, width int64) nn.Spec { return nn.Weight(name, inner, width, nn.LinearInit(width)) }
	out := func(name string) nn.Spec { return nn.Weight(name, d, inner, nn.ResidualInit(inner, s.Layers)) }
	var specs []nn.Spec
	for _, name := range []string{"norm", "query_norm", "state_norm"} {
		specs = append(specs, nn.Norm(name, d)...)
	}
	return append(specs,
		in("query", d), in("key", d), in("value", d), out("out"),
		in("meta_in", 2*d), out("meta_out"),
		nn.Weight("heads", 3, d, nn.Constant(0)),
		nn.Spec{Name: "heads.bias", Shape: []int64{3}, Init: startBias},
		nn.Weight("evidence", 1, 3, startEvidence),
		in("correction_in", d), out("correction_out"))
}

// FLOPs returns the operations a token of a forward pass in which no token
// halts before its last iteration: two for each product of a weight or score.
func FLOPs(s Shape) float64 {
	d, inner := float64(s.DModel), float64(s.Width)
	once := 2 * 2 * d * inner                               // keys and values
	maps := 2 * (2*d*inner + 3*d*inner + 2*d*inner + 3*d)   // query and out, meta, correction, heads
	scores := 4 * float64(s.SegmentLen) / 2 * inner         // the causal mean of half the segment
	return once + float64(s.Iterations)*(maps+scores) + 2*3 // and the evidence
}
