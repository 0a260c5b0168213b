package main

import (
	"testing"

	"agiformer/conf"
	"agiformer/internal/config"
	"agiformer/internal/model"
	"agiformer/internal/train"
)

// sweepConfigs returns the configuration of every row of a sweep.
func sweepConfigs(t *testing.T, experiment string) map[string]*config.Config {
	t.Helper()
	jobs, err := config.SweepJobs(config.Options{Builtin: conf.Files, Overrides: []string{"experiment=" + experiment}})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]*config.Config{}
	for _, job := range jobs {
		cfg, err := config.Load(job.Tree, model.Known())
		if err == nil {
			err = config.CheckSupported(cfg)
		}
		if err != nil {
			t.Fatalf("%s: %v", job.Line, err)
		}
		rows[job.Line] = cfg
	}
	return rows
}

// The ablation's plain GPTs do as many operations a token as what they are the
// measure of, up to 2 % more, and every row can be trained.
func TestAblationComparesAtEqualFLOPs(t *testing.T) {
	t.Parallel()
	flops := map[string]float64{}
	for line, cfg := range sweepConfigs(t, "ablation") {
		plan, err := train.NewPlan(cfg)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		flops[line] = plan.Counts.FLOPs
	}
	for gpt, other := range map[string]string{"plain GPT": "text_only", "plain GPT as large as full": "full, all four experts"} {
		if apart := flops[gpt]/flops[other] - 1; !(apart >= 0 && apart < 0.02) {
			t.Errorf("%s takes %.5g FLOPs a token, %s %.5g: %.2f %% apart", gpt, flops[gpt], other, flops[other], 100*apart)
		}
	}
}

// The comparison of tokenizers reads as much text in every row, or does as many
// operations, to 1 %.
func TestTokenizersCompareAtEqualBytesOrFLOPs(t *testing.T) {
	t.Parallel()
	rows := sweepConfigs(t, "tokenizers")
	// Bytes a token of the training text of docs/tokenizer.md, 8,000 ids.
	bytesPerToken := map[string]float64{"bytes": 1, "unigram": 5.03, "MorphoPiece": 4.45, "MorphoPiece fused": 4.95}
	spent := func(line string, features string) (tokens, flops float64) {
		cfg := rows[line+features]
		if cfg == nil {
			t.Fatalf("there is no row %q", line+features)
		}
		vocab := 256
		if cfg.Tokenizer.Name != "byte" {
			vocab = int(*cfg.Tokenizer.VocabSize)
		}
		if cfg.Model.MaxSegmentLen == nil && vocab != 256 || cfg.Model.MaxSegmentLen != nil && *cfg.Model.MaxSegmentLen != 4*cfg.Model.MaxSeqLen {
			t.Errorf("%s: the working memory does not hold four segments", line)
		}
		tokens = float64(cfg.Training.MaxSteps * cfg.Training.BatchSize * cfg.Model.SegmentLen())
		return tokens, tokens * model.Count(cfg.Model, vocab).FLOPs
	}
	for _, features := range []string{"", " without features"} {
		bytes, flops := spent("bytes", features)
		for kind, width := range bytesPerToken {
			tokens, _ := spent(kind, features)
			if apart := tokens*width/bytes - 1; apart < -0.015 || apart > 0.015 {
				t.Errorf("%s%s: %.2f %% more bytes", kind, features, 100*apart)
			}
			if kind == "bytes" {
				continue
			}
			if _, did := spent(kind+" at equal FLOPs", features); did/flops > 1.01 || did/flops < 0.99 {
				t.Errorf("%s%s at equal FLOPs: %.2f %% more FLOPs", kind, features, 100*(did/flops-1))
			}
		}
	}
}
