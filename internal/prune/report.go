package prune

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"agiformer/internal/config"
	"agiformer/internal/pretrained"
	"agiformer/internal/train"
	"agiformer/internal/words"
)

// report is what the command says.
type report struct {
	Checkpoint string  `json:"checkpoint"`
	Out        string  `json:"out"`
	Step       int64   `json:"step"`
	Documents  int64   `json:"documents"`
	Tokens     int64   `json:"tokens"`
	MinUsage   float64 `json:"min_usage"`
	// ExpertUsage is the share of each block's choices before, [block][place in
	// model.expert_types].
	ExpertUsage [][]float64 `json:"expert_usage"`
	Removed     int         `json:"removed"`
	// BlockExperts are the places left in each block: model.block_experts.
	BlockExperts [][]int64 `json:"block_experts"`
	Before       size      `json:"before"`
	After        size      `json:"after"`

	present [][]int64
	experts []string
	next    string
}

// size is a checkpoint's size and quality.
type size struct {
	BitsPerByte float64 `json:"bits_per_byte"`
	Parameters  int64   `json:"parameters"`
	Active      int64   `json:"active"` // used by one token
}

func newReport(o Options, from, to *pretrained.Checkpoint, before, after *train.Result) *report {
	sized := func(c *pretrained.Checkpoint, r *train.Result) size {
		n := sizeOf(c)
		return size{BitsPerByte: r.BitsPerByte, Parameters: n.Parameters, Active: n.Active}
	}
	return &report{
		Checkpoint: from.Dir(), Out: o.Out, Step: from.Step(), Tokens: before.Tokens,
		MinUsage: o.MinUsage, ExpertUsage: before.ExpertUsage,
		Before: sized(from, before), After: sized(to, after),
		experts: from.Config.Model.ExpertTypes, next: next(o.Out, to),
	}
}

func (r *report) json(out io.Writer) error { return json.NewEncoder(out).Encode(r) }

// print shows the report to people.
func (r *report) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("checkpoint", "%s (step %d)", r.Checkpoint, r.Step)
	row("text", "%s, %s predicted", words.Count(r.Documents, "document"), words.Count(r.Tokens, "token"))
	for i, block := range r.present {
		row(fmt.Sprintf("experts, block %d", i), "%s", r.block(i, block))
	}
	if r.Removed == 0 {
		row("removed", "none: every expert gets at least %g %% of its block's choices, or is its block's last (--min-usage)", 100*r.MinUsage)
	} else {
		row("removed", "%s, %d left", words.Count(r.Removed, "expert"), count(r.BlockExperts))
	}
	row("parameters", "%d before, %d after", r.Before.Parameters, r.After.Parameters)
	row("  active a token", "%d before, %d after", r.Before.Active, r.After.Active)
	row("bits per byte", "%.4f before, %.4f after", r.Before.BitsPerByte, r.After.BitsPerByte)
	row("written", "%s", r.Out)
	row("next", "%s", r.next)
	return table.Flush()
}

// block lists the experts that block i had, with their usage.
func (r *report) block(i int, places []int64) string {
	shares := make([]string, len(places))
	for j, e := range places {
		shares[j] = fmt.Sprintf("%s %.1f %%", r.experts[e], 100*r.ExpertUsage[i][e])
		if !slices.Contains(r.BlockExperts[i], e) {
			shares[j] += " (removed)"
		}
	}
	return strings.Join(shares, ", ")
}

// next is the command that trains the smaller model further, in a run folder of
// its own. The checkpoint's config.yaml is the whole configuration.
func next(out string, c *pretrained.Checkpoint) string {
	words := []string{"agiformer train", "--config-dir " + shell(out), "--resume " + shell(out), shell("run.dir=" + folderText(out+"-run"))}
	if step := c.Step(); step >= c.Config.Training.MaxSteps {
		words = append(words, fmt.Sprintf("training.max_steps=%d", step+max(1, step/10)))
	}
	return strings.Join(words, " ")
}

// plain matches text that neither Hydra nor a shell reads as more than text.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./=+:@%-]+$`)

// folderText writes a path as an override's value.
func folderText(path string) string {
	if plain.MatchString(path) {
		return path
	}
	return config.Quote(path)
}

// shell quotes a word for a shell where it must be.
func shell(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
