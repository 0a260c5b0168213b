package evaluate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"agiformer/internal/metrics"
	"agiformer/internal/train"
	"agiformer/internal/words"
)

// report is an evaluation's result with what it is of.
type report struct {
	train.Result
	// Perplexity is null in JSON where it is beyond a float64.
	Perplexity metrics.Number `json:"perplexity"`
	Documents  int64          `json:"documents"`
	Step       int64          `json:"step"` // optimizer steps the model was trained for
	Checkpoint string         `json:"checkpoint"`
	// ByPosition is the loss by the bytes of the document before the token.
	ByPosition []bucket `json:"by_position"`

	experts []string // their kinds
}

// json prints the report as one object on a line.
func (r *report) json(out io.Writer) error { return json.NewEncoder(out).Encode(r) }

// print shows the report to people.
func (r *report) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("checkpoint", "%s (step %d)", r.Checkpoint, r.Step)
	row("text", "%s, %s predicted, %s", words.Count(r.Documents, "document"), words.Count(r.Tokens, "token"), words.Count(r.Bytes, "byte"))
	row("loss", "%.4f nats a token", r.Loss)
	row("perplexity", "%.4f", r.Perplexity)
	row("bits per byte", "%.4f", r.BitsPerByte)
	row("  by position", "%s", showBuckets(r.ByPosition))
	row("accuracy", "%.2f %% of the tokens were the first guess", 100*r.Accuracy)
	row("calibration", "%.4f expected error of the first guess's probability", r.CalibrationError)
	if memory := r.Info.Memory; memory != nil {
		row("memory", "%d segments in the longest document", memory.StepCount)
	}
	if in := r.Introspection; in != nil {
		last := r.Info.Blocks[len(r.Info.Blocks)-1].Introspection
		row("introspection", "%.2f iterations a token, %.4f mean confidence", in.Iterations, last.FinalConfidence)
		for _, f := range []struct {
			name, what string
			train.Forecast
		}{
			{"confidence", "that the first guess is right", in.Confidence},
			{"error", "that the first guess is wrong", in.Error},
			{"softmax_max", "that it is right, by its probability alone", in.SoftmaxMax},
		} {
			row("  "+f.name, "AUROC %.4f, expected calibration error %.4f (%s)", float64(f.AUROC), f.CalibrationError, f.what)
		}
	}
	for i, block := range r.ExpertUsage {
		shares := make([]string, len(block))
		for j, share := range block {
			shares[j] = fmt.Sprintf("%s %.1f %%", r.experts[j], 100*share)
		}
		row(fmt.Sprintf("experts, block %d", i), "%s", strings.Join(shares, ", "))
	}
	row("seconds", "%.2f (%.0f tokens/s)", r.Seconds, float64(r.Tokens)/r.Seconds)
	return table.Flush()
}
