// Package report tells what the runs of a sweep reached, and at what cost: a
// table with a line a configuration, its seeds together, and plots of the
// validation loss. It reads the run folders alone.
package report

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"agiformer/internal/config"
	"agiformer/internal/metrics"
	"agiformer/internal/model"
	"agiformer/internal/plot"
	"agiformer/internal/train"
)

// Run is a run of a sweep.
type Run struct {
	Line string // of the table; the runs of one line are its seeds
	Dir  string // its run folder
}

// Table is what the runs of a sweep reached.
type Table struct {
	Lines []*Line `json:"lines"`
	// Spread says how Line.Spread is taken.
	Spread string `json:"spread"`
}

// Line is one configuration. What is not known, as of a line whose runs all
// failed, is NaN, which JSON shows as null.
type Line struct {
	Name string `json:"name"`
	// Runs are those with their final evaluation, Without the others.
	Runs    []Result  `json:"runs"`
	Without []Without `json:"without_result,omitempty"`
	// BitsPerByte is the mean over the runs' final evaluations on the
	// validation text, Spread the largest less the smallest.
	BitsPerByte metrics.Number `json:"bits_per_byte"`
	Spread      metrics.Number `json:"spread"`
	// Difference to the first line's bits per byte, in per cent of it.
	Difference metrics.Number `json:"difference_percent"`
	// Parameters in all, and those that a token uses.
	Parameters int64 `json:"parameters"`
	Active     int64 `json:"active_parameters"`
	// FLOPs a token of the forward pass through what the token uses, and of a
	// training step.
	FLOPs         metrics.Number `json:"flops_per_token"`
	TrainingFLOPs metrics.Number `json:"training_flops_per_token"`
	// SecondsPerStep is the median over the logged steps of all runs.
	SecondsPerStep metrics.Number `json:"seconds_per_step"`
	// Tokens that a run was trained on; the mean over the runs.
	Tokens int64 `json:"tokens"`

	curve []point // mean over the runs
}

// Result is one run's.
type Result struct {
	Dir         string         `json:"dir"`
	Seed        int64          `json:"seed"`
	BitsPerByte metrics.Number `json:"bits_per_byte"`
	Tokens      int64          `json:"tokens"`
}

// Without is a run that the table has no result of.
type Without struct {
	Dir string `json:"dir"`
	Why string `json:"why"`
}

// point is an evaluation on the way.
type point struct {
	step        int64
	tokens      float64
	bitsPerByte float64
}

// New reads the runs; lines stand in the order in which they are first named.
// Where no run has begun there is no table (nil).
func New(runs []Run) (*Table, error) {
	t := &Table{Spread: "largest - smallest over the seeds"}
	members := map[string][]*member{}
	begun := false
	for _, run := range runs {
		m := read(run.Dir)
		begun = begun || m.cfg != nil
		if members[run.Line] == nil {
			t.Lines = append(t.Lines, &Line{Name: run.Line})
		}
		members[run.Line] = append(members[run.Line], m)
	}
	if !begun {
		return nil, nil
	}
	for _, line := range t.Lines {
		if err := line.fill(members[line.Name]); err != nil {
			return nil, fmt.Errorf("the line %s of the table: %w", line.Name, err)
		}
		first := t.Lines[0].BitsPerByte
		line.Difference = 100 * (line.BitsPerByte - first) / first
	}
	return t, nil
}

// member is a run as its folder tells it.
type member struct {
	dir string
	cfg *config.Config // nil: see why
	run *plot.Run      // nil: it has measured nothing
	why string         // there is no result
}

func read(dir string) *member {
	m := &member{dir: dir}
	tree, err := config.ReadFile(filepath.Join(dir, "config.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		m.why = "it did not begin"
		return m
	}
	if err == nil {
		m.cfg, err = config.Load(tree, model.Known())
	}
	if err != nil {
		m.why = err.Error()
		return m
	}
	if m.run, err = plot.Read(dir); err != nil {
		m.why = err.Error()
	} else if m.final() == nil {
		m.why = "there is no evaluation after its last step"
	}
	return m
}

// final returns the evaluation after the last step, nil where there is none.
func (m *member) final() *metrics.Eval {
	if m.cfg == nil || m.run == nil || len(m.run.Eval) == 0 {
		return nil
	}
	last := &m.run.Eval[len(m.run.Eval)-1]
	if last.Step < m.cfg.Training.MaxSteps {
		return nil
	}
	return last
}

// fill sets a line's values from its runs.
func (l *Line) fill(members []*member) error {
	nan := metrics.Number(math.NaN())
	l.BitsPerByte, l.Spread, l.SecondsPerStep, l.FLOPs, l.TrainingFLOPs = nan, nan, nan, nan, nan
	l.Runs = []Result{}
	var seconds []float64
	var curves [][]point
	for _, m := range members {
		if m.cfg != nil {
			if err := l.size(m.cfg); err != nil {
				return err
			}
		}
		final := m.final()
		if final == nil {
			l.Without = append(l.Without, Without{m.dir, m.why})
			continue
		}
		l.Runs = append(l.Runs, Result{Dir: m.dir, Seed: m.cfg.Seed, BitsPerByte: final.BitsPerByte, Tokens: m.tokensAt(final.Step)})
		seconds = append(seconds, m.secondsPerStep()...)
		curves = append(curves, m.curve())
	}
	if len(l.Runs) == 0 {
		return nil
	}
	l.average()
	l.SecondsPerStep = metrics.Number(median(seconds))
	l.curve = meanCurve(curves)
	return nil
}

// size sets what the configuration alone decides.
func (l *Line) size(cfg *config.Config) error {
	plan, err := train.NewPlan(cfg)
	if err != nil {
		return err
	}
	l.Parameters, l.Active = plan.Counts.Parameters, plan.Counts.Active
	l.FLOPs, l.TrainingFLOPs = metrics.Number(plan.Counts.FLOPs), metrics.Number(plan.TrainingFLOPs())
	return nil
}

// average sets what is taken over the runs.
func (l *Line) average() {
	low, high := l.Runs[0].BitsPerByte, l.Runs[0].BitsPerByte
	var sum metrics.Number
	var tokens int64
	for _, r := range l.Runs {
		low, high = min(low, r.BitsPerByte), max(high, r.BitsPerByte)
		sum += r.BitsPerByte
		tokens += r.Tokens
	}
	n := int64(len(l.Runs))
	l.BitsPerByte, l.Spread, l.Tokens = sum/metrics.Number(n), high-low, tokens/n
}

// tokensAt returns the tokens trained on by a step: those of the last train
// line up to it, and for the steps since then that line's mean.
func (m *member) tokensAt(step int64) int64 {
	var last metrics.Train
	for _, t := range m.run.Train {
		if t.Step <= step {
			last = t
		}
	}
	if last.Step == 0 {
		return 0
	}
	return last.Tokens + (step-last.Step)*last.Tokens/last.Step
}

// secondsPerStep returns the time that a step took before each train line: the
// tokens of a step since the line before over the tokens a second. The first
// step, in which everything is made ready, is left out where there are others.
func (m *member) secondsPerStep() []float64 {
	var seconds []float64
	var before metrics.Train
	for _, t := range m.run.Train {
		if rate := float64(t.TokensPerSecond); rate > 0 && t.Step > before.Step {
			seconds = append(seconds, float64(t.Tokens-before.Tokens)/float64(t.Step-before.Step)/rate)
		}
		before = t
	}
	if len(seconds) > 1 && m.run.Train[0].Step == 1 {
		return seconds[1:]
	}
	return seconds
}

func (m *member) curve() []point {
	var points []point
	for _, e := range m.run.Eval {
		points = append(points, point{step: e.Step, tokens: float64(m.tokensAt(e.Step)), bitsPerByte: float64(e.BitsPerByte)})
	}
	return points
}

// meanCurve averages over the runs, at the steps that all of them evaluated.
func meanCurve(curves [][]point) []point {
	var mean []point
	for _, p := range curves[0] {
		sum := point{step: p.step}
		found := 0
		for _, curve := range curves {
			at := slices.IndexFunc(curve, func(q point) bool { return q.step == p.step })
			if at < 0 {
				break
			}
			found++
			sum.tokens += curve[at].tokens / float64(len(curves))
			sum.bitsPerByte += curve[at].bitsPerByte / float64(len(curves))
		}
		if found == len(curves) {
			mean = append(mean, sum)
		}
	}
	return mean
}

// median returns NaN of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
