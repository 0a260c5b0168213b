// Package plot draws the metrics of runs as one PNG: a column a run, and in
// each row the same axes, so that runs compare at a glance. The rows are the
// language-model loss, bits per byte (training and validation), the learning
// rate and, where a run has a router, each expert's share of the tokens.
package plot

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"agiformer/internal/metrics"
)

// Size of one panel.
const (
	panelWidth  = 13 * vg.Centimeter
	panelHeight = 7 * vg.Centimeter
)

var (
	trainColor = color.NRGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	evalColor  = color.NRGBA{R: 0xd6, G: 0x27, B: 0x28, A: 0xff}
)

// Draw writes the PNG of the runs to w.
func Draw(w io.Writer, runs []*Run) error {
	rows := []func(*Run) (*plot.Plot, error){lossPanel, bitsPanel, ratePanel}
	if anyRouter(runs) {
		rows = append(rows, usagePanel)
	}
	grid := make([][]*plot.Plot, len(rows))
	for i, panel := range rows {
		for _, run := range runs {
			drawn, err := panel(run)
			if err != nil {
				return fmt.Errorf("cannot draw run %s: %w", run.Name, err)
			}
			grid[i] = append(grid[i], drawn)
		}
		shareAxes(grid[i])
	}
	return write(w, grid)
}

// write lays the grid of panels out on one canvas and encodes it.
func write(w io.Writer, grid [][]*plot.Plot) error {
	rows, columns := len(grid), len(grid[0])
	canvas := vgimg.New(panelWidth*vg.Length(columns), panelHeight*vg.Length(rows))
	tiles := draw.Tiles{
		Rows: rows, Cols: columns,
		PadX: 8 * vg.Millimeter, PadY: 6 * vg.Millimeter,
		PadTop: 3 * vg.Millimeter, PadBottom: 3 * vg.Millimeter,
		PadLeft: 3 * vg.Millimeter, PadRight: 4 * vg.Millimeter,
	}
	cells := plot.Align(grid, tiles, draw.New(canvas))
	for i := range grid {
		for j := range grid[i] {
			grid[i][j].Draw(cells[i][j])
		}
	}
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(w); err != nil {
		return fmt.Errorf("cannot write the picture: %w", err)
	}
	return nil
}

// shareAxes gives all panels of a row the union of their ranges.
func shareAxes(row []*plot.Plot) {
	x, y := row[0].X, row[0].Y
	for _, p := range row {
		x.Min, x.Max = math.Min(x.Min, p.X.Min), math.Max(x.Max, p.X.Max)
		y.Min, y.Max = math.Min(y.Min, p.Y.Min), math.Max(y.Max, p.Y.Max)
	}
	for _, p := range row {
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = x.Min, x.Max, y.Min, y.Max
	}
}

func lossPanel(run *Run) (*plot.Plot, error) {
	p := newPanel(run.Name, "loss (nats a token)")
	if err := addLine(p, "training", trainColor, trainPoints(run, func(t metrics.Train) metrics.Number { return t.LMLoss })); err != nil {
		return nil, err
	}
	return p, addLine(p, "validation", evalColor, evalPoints(run, func(e metrics.Eval) metrics.Number { return e.Loss }))
}

func bitsPanel(run *Run) (*plot.Plot, error) {
	p := newPanel(run.Name, "bits per byte")
	if err := addLine(p, "training", trainColor, trainPoints(run, func(t metrics.Train) metrics.Number { return t.BitsPerByte })); err != nil {
		return nil, err
	}
	return p, addLine(p, "validation", evalColor, evalPoints(run, func(e metrics.Eval) metrics.Number { return e.BitsPerByte }))
}

func ratePanel(run *Run) (*plot.Plot, error) {
	p := newPanel(run.Name, "learning rate")
	p.Y.Min = 0
	return p, addLine(p, "", trainColor, trainPoints(run, func(t metrics.Train) metrics.Number { return t.LR }))
}

// usagePanel shows each expert's share of the tokens in validation, as the
// mean over the blocks; a dashed line marks an even share.
func usagePanel(run *Run) (*plot.Plot, error) {
	p := newPanel(run.Name, "share of the tokens (mean of blocks)")
	p.Y.Min, p.Y.Max = 0, 1
	experts, visits := 0, 0.0 // visits: experts a token goes to, top_k
	for _, e := range run.Eval {
		if len(e.ExpertUsage) == 0 {
			continue
		}
		experts, visits = len(e.ExpertUsage[0]), 0
		for _, share := range e.ExpertUsage[0] {
			visits += float64(share)
		}
	}
	for expert := range experts {
		share := evalPoints(run, func(e metrics.Eval) metrics.Number { return meanUsage(e.ExpertUsage, expert) })
		if err := addLine(p, run.expert(expert), plotutil.Color(expert), share); err != nil {
			return nil, err
		}
	}
	if experts == 0 {
		return p, nil
	}
	even := plotter.NewFunction(func(float64) float64 { return visits / float64(experts) })
	even.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	even.Color = color.Gray{Y: 0x80}
	p.Add(even)
	return p, nil
}

// meanUsage is the mean over the blocks of one expert's share, NaN without one.
func meanUsage(usage [][]metrics.Number, expert int) metrics.Number {
	sum, blocks := 0.0, 0
	for _, block := range usage {
		if expert < len(block) {
			sum += float64(block[expert])
			blocks++
		}
	}
	return metrics.Number(sum / float64(blocks))
}

func anyRouter(runs []*Run) bool {
	for _, run := range runs {
		for _, e := range run.Eval {
			if len(e.ExpertUsage) > 0 {
				return true
			}
		}
	}
	return false
}

func newPanel(name, yLabel string) *plot.Plot {
	p := plot.New()
	p.Title.Text = name
	p.X.Label.Text = "step"
	p.Y.Label.Text = yLabel
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	return p
}

// addLine adds a line and, where it has few points, their marks. An empty
// series (a run without an evaluation so far) adds nothing.
func addLine(p *plot.Plot, name string, c color.Color, points plotter.XYs) error {
	if len(points) == 0 {
		return nil
	}
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, marks.Color = c, c
	line.Width = vg.Points(1.4)
	marks.Radius = vg.Points(1.8)
	marks.Shape = draw.CircleGlyph{}
	p.Add(line)
	if len(points) <= 40 {
		p.Add(marks)
	}
	if name != "" {
		p.Legend.Add(name, line)
	}
	return nil
}

func trainPoints(run *Run, value func(metrics.Train) metrics.Number) plotter.XYs {
	points := make(plotter.XYs, 0, len(run.Train))
	for _, t := range run.Train {
		points = appendFinite(points, t.Step, float64(value(t)))
	}
	return points
}

func evalPoints(run *Run, value func(metrics.Eval) metrics.Number) plotter.XYs {
	points := make(plotter.XYs, 0, len(run.Eval))
	for _, e := range run.Eval {
		points = appendFinite(points, e.Step, float64(value(e)))
	}
	return points
}

// appendFinite leaves out values that have no place on a finite axis.
func appendFinite(points plotter.XYs, step int64, y float64) plotter.XYs {
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return points
	}
	return append(points, plotter.XY{X: float64(step), Y: y})
}
