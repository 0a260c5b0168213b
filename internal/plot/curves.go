package plot

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Curve is a named line; X and Y have the same length.
type Curve struct {
	Name string
	X, Y []float64
}

// Size of a picture of curves: the plot, and beside it the names, a line each.
const (
	curvesWidth  = 20 * vg.Centimeter
	curvesHeight = 13 * vg.Centimeter
	namesWidth   = 10 * vg.Centimeter
	nameHeight   = 0.55 * vg.Centimeter
)

// hues are told apart by most people (Okabe and Ito 2008); after the last they
// come again with other dashes.
var hues = []color.NRGBA{
	{A: 0xff}, {R: 0xe6, G: 0x9f, A: 0xff}, {R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}, {G: 0x9e, B: 0x73, A: 0xff},
	{G: 0x72, B: 0xb2, A: 0xff}, {R: 0xd5, G: 0x5e, A: 0xff}, {R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}, {R: 0x80, G: 0x80, B: 0x80, A: 0xff},
}

var dashes = [][]vg.Length{nil, {6, 3}, {2, 2}, {8, 2, 2, 2}, {12, 4}}

// DrawCurves writes a PNG with all curves on the same axes to w. Values that are
// not finite are left out.
func DrawCurves(w io.Writer, xLabel, yLabel string, curves []Curve) error {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = xLabel, yLabel
	p.Add(plotter.NewGrid())
	names := plot.NewLegend()
	names.Top, names.Left = true, true
	names.YOffs = -nameHeight
	for i, curve := range curves {
		points := curve.finite()
		if len(points) == 0 {
			continue
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("cannot draw %s: %w", curve.Name, err)
		}
		line.Color, marks.Color = hues[i%len(hues)], hues[i%len(hues)]
		line.Dashes = dashes[i/len(hues)%len(dashes)]
		line.Width = vg.Points(1.4)
		marks.Radius = vg.Points(1.8)
		marks.Shape = draw.CircleGlyph{}
		p.Add(line, marks)
		names.Add(curve.Name, line)
	}
	height := max(curvesHeight, vg.Length(len(curves)+2)*nameHeight)
	canvas := vgimg.New(curvesWidth+namesWidth, height)
	whole := draw.New(canvas)
	margin := 3 * vg.Millimeter
	p.Draw(draw.Crop(whole, margin, -namesWidth, margin, -margin))
	names.Draw(draw.Crop(whole, curvesWidth+margin, 0, 0, 0))
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(w); err != nil {
		return fmt.Errorf("cannot write the picture: %w", err)
	}
	return nil
}

func (c Curve) finite() plotter.XYs {
	points := make(plotter.XYs, 0, len(c.X))
	for i, x := range c.X {
		if y := c.Y[i]; !math.IsNaN(x+y) && !math.IsInf(x+y, 0) {
			points = append(points, plotter.XY{X: x, Y: y})
		}
	}
	return points
}
