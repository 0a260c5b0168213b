package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agiformer/internal/config"
	"agiformer/internal/exit"
	"agiformer/internal/train"
)

func newInfoCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "info [OVERRIDE...]",
		Short: "Count a model's parameters, FLOPs and memory",
		Long: `Says what a configuration's model takes, without building it: parameters in all, trainable, used by one token, and by
component; FLOPs a token; the memory of a training process (training.batch_size, training.use_amp, one rank) and of one that
generates, the streams' state included. It needs no libtorch. agiformer train --dry-run adds what a run of it takes.`,
		Example: `  agiformer info
  agiformer info model=minimal training.batch_size=8
  agiformer info model=text_only model.n_layers=12 --json`,
		ValidArgsFunction: completeOverrides,
		RunE: func(command *cobra.Command, overrides []string) error {
			plan, err := planOf(command, overrides)
			if err != nil {
				return exit.Usage(err)
			}
			report := newInfoReport(plan)
			if asJSON {
				return json.NewEncoder(command.OutOrStdout()).Encode(report)
			}
			return report.print(command.OutOrStdout())
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

func planOf(command *cobra.Command, overrides []string) (*train.Plan, error) {
	cfg, _, err := loadConfig(command, overrides)
	if err != nil {
		return nil, err
	}
	if err := config.CheckSupported(cfg); err != nil {
		return nil, err
	}
	return train.NewPlan(cfg)
}

// infoReport is what info prints. Memory and state are in bytes.
type infoReport struct {
	Model      string `json:"model"`
	Parameters struct {
		Total       int64            `json:"total"`
		Trainable   int64            `json:"trainable"`
		Active      int64            `json:"active"` // used by one token
		ByComponent map[string]int64 `json:"by_component"`
	} `json:"parameters"`
	FLOPsPerToken struct {
		Forward  float64 `json:"forward"`
		Training float64 `json:"training"`
	} `json:"flops_per_token"`
	Memory struct {
		BatchSize int64        `json:"batch_size"` // training.batch_size, which training's is for
		Training  memoryReport `json:"training"`
		Inference memoryReport `json:"inference"`
	} `json:"memory"`
	// StreamStateBytes is what one stream carries from segment to segment.
	StreamStateBytes int64 `json:"stream_state_bytes"`

	segment int64 // tokens of a segment
}

type memoryReport struct {
	Total int64 `json:"total"`
	train.Memory
}

func newInfoReport(plan *train.Plan) *infoReport {
	r := &infoReport{Model: plan.Config.Model.Name}
	r.Parameters.Total = plan.Counts.Parameters
	r.Parameters.Trainable = plan.Counts.Parameters // nothing is frozen in a model of text
	r.Parameters.Active = plan.Counts.Active
	r.Parameters.ByComponent = plan.Counts.ByComponent
	r.FLOPsPerToken.Forward = plan.Counts.FLOPs
	r.FLOPsPerToken.Training = plan.TrainingFLOPs()
	r.Memory.BatchSize, r.segment = plan.Config.Training.BatchSize, plan.Config.Model.SegmentLen()
	r.Memory.Training = memoryReport{plan.Training.Total(), plan.Training}
	r.Memory.Inference = memoryReport{plan.Inference.Total(), plan.Inference}
	r.StreamStateBytes = plan.Counts.StreamBytes
	return r
}

func (r *infoReport) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, values ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, values...))
	}
	p := r.Parameters
	row("model", "%s", r.Model)
	row("parameters, total", "%d", p.Total)
	row("  trainable", "%d", p.Trainable)
	row("  active a token", "%d", p.Active)
	byTotal := func(a, b string) int {
		return cmp.Or(cmp.Compare(p.ByComponent[b], p.ByComponent[a]), cmp.Compare(a, b))
	}
	for _, name := range slices.SortedFunc(maps.Keys(p.ByComponent), byTotal) {
		row("  in "+name, "%d", p.ByComponent[name])
	}
	row("FLOPs a token", "%.4g forward, %.4g in training", r.FLOPsPerToken.Forward, r.FLOPsPerToken.Training)
	row("memory, training", "%s for training.batch_size=%d (lanes of %d tokens)", r.Memory.Training, r.Memory.BatchSize, r.segment)
	row("memory, inference", "%s for one stream", r.Memory.Inference)
	row("stream state", "%.1f MiB a stream", float64(r.StreamStateBytes)/(1<<20))
	return table.Flush()
}
