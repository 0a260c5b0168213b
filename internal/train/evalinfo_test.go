package train

import (
	"reflect"
	"slices"
	"testing"

	"agiformer/internal/model"
)

// passInfo is what a pass of two blocks says, the first without introspection.
func passInfo(steps int64, usage [2]float64, loss, iterations, confidence float64) *model.Info {
	info := &model.Info{Modalities: []string{"text"}, Memory: &model.MemoryInfo{StepCount: steps}}
	for range 2 {
		router := &model.RouterInfo{ExpertUsage: slices.Clone(usage[:]), LoadBalancingLoss: loss}
		info.Blocks = append(info.Blocks, model.BlockInfo{MoE: model.MoEInfo{RouterInfo: router}})
	}
	info.Blocks[1].Introspection = &model.IntrospectionInfo{NumIterations: iterations, FinalConfidence: confidence}
	return info
}

// TestInfoIsWeighedByTokens: passes of 3 and 1 tokens.
func TestInfoIsWeighedByTokens(t *testing.T) {
	t.Parallel()
	var s infoSum
	s.add(passInfo(7, [2]float64{0.75, 0.25}, 0.5, 2, 0.25), 3)
	s.add(passInfo(2, [2]float64{0.25, 0.75}, 1.5, 1, 0.75), 1)
	got, want := s.mean(), passInfo(7, [2]float64{0.625, 0.375}, 0.75, 1.75, 0.375)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got.Blocks[1], want.Blocks[1])
	}
	if usage := usageOf(got); len(usage) != 2 || usage[0][0] != 0.625 {
		t.Errorf("usage %v", usage)
	}
}
