package train_test

import (
	"bytes"
	"strings"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/train"
)

func planOf(t *testing.T, cfg *config.Config) *train.Plan {
	t.Helper()
	p, err := train.NewPlan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanGrowsWithWhatItPlans(t *testing.T) {
	t.Parallel()
	plan := func(batch, layers, accumulation int64, recompute bool) *train.Plan {
		cfg := tinyConfig(t, "")
		cfg.Training.BatchSize, cfg.Model.NLayers, cfg.Training.GradientAccumulationSteps = batch, layers, accumulation
		cfg.Training.GradientCheckpointing = recompute
		return planOf(t, cfg)
	}
	base := plan(64, 4, 1, false)
	if p := plan(128, 4, 1, false); p.Training.Activations/2 != base.Training.Activations || p.TokensPerStep != 2*base.TokensPerStep {
		t.Errorf("twice the lanes: activations %d of %d", p.Training.Activations, base.Training.Activations)
	}
	if p := plan(64, 8, 1, false); p.Training.Activations <= base.Training.Activations || p.Counts.Parameters <= base.Counts.Parameters {
		t.Error("twice the layers take no more")
	}
	if p := plan(64, 4, 1, true); p.Training.Activations >= base.Training.Activations || p.TrainingFLOPs() <= base.TrainingFLOPs() {
		t.Error("gradient checkpointing saves no activations, or costs nothing")
	}
	thoughtful, deeper := introspective(tinyConfig(t, "")), introspective(tinyConfig(t, ""))
	deeper.Model.MaxIterations *= 2
	if a, b := planOf(t, thoughtful), planOf(t, deeper); a.Training.Activations >= b.Training.Activations || a.Counts.FLOPs >= b.Counts.FLOPs || a.Counts.Parameters != b.Counts.Parameters {
		t.Error("twice the iterations take no more, or have parameters of their own")
	}
	p := plan(64, 4, 2, false)
	if p.Training.Activations != base.Training.Activations || p.Training.Streams != 2*base.Training.Streams || p.Training.Gradients != p.Training.Parameters {
		t.Errorf("accumulation: %+v, before %+v", p.Training, base.Training)
	}
	var text, larger bytes.Buffer
	if err := p.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"parameters", "FLOPs a token", "memory, training", "memory, inference", "24 of 128 lanes"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the plan lacks %q:\n%s", part, &text)
		}
	}
	if err := plan(1<<30, 4, 1, false).Print(&larger); err != nil {
		t.Fatal(err)
	}
	const warning = "does not fit"
	if strings.Contains(text.String(), warning) || !strings.Contains(larger.String(), warning) {
		t.Errorf("a plan that fits is said not to:\n%s\nor one of a thousand million lanes is not:\n%s", &text, &larger)
	}
}
