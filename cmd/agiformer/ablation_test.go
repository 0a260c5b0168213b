package main

import (
	"testing"

	"agiformer/conf"
	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/train"
)

// The ablation's plain GPTs do as many operations a token as what they are the
// measure of, up to 2 % more, and every row can be trained.
func TestAblationComparesAtEqualFLOPs(t *testing.T) {
	t.Parallel()
	jobs, err := config.SweepJobs(config.Options{Builtin: conf.Files, Overrides: []string{"experiment=ablation"}})
	if err != nil {
		t.Fatal(err)
	}
	flops := map[string]float64{}
	for _, job := range jobs {
		cfg, err := config.Load(job.Tree, model.Known())
		if err == nil {
			err = config.CheckSupported(cfg)
		}
		if err != nil {
			t.Fatalf("%s: %v", job.Line, err)
		}
		plan, err := train.NewPlan(cfg)
		if err != nil {
			t.Fatalf("%s: %v", job.Line, err)
		}
		flops[job.Line] = plan.Counts.FLOPs
	}
	for gpt, other := range map[string]string{"plain GPT": "text_only", "plain GPT as large as full": "full, all four experts"} {
		if apart := flops[gpt]/flops[other] - 1; !(apart >= 0 && apart < 0.02) {
			t.Errorf("%s takes %.5g FLOPs a token, %s %.5g: %.2f %% apart", gpt, flops[gpt], other, flops[other], 100*apart)
		}
	}
}
