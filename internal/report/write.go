package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"agiformer/internal/metrics"
	"agiformer/internal/plot"
)

// The files that Write makes.
const (
	MarkdownFile    = "table.md"
	JSONFile        = "table.json"
	TokensPicture   = "bits_per_byte_by_tokens.png"
	TrainingPicture = "bits_per_byte_by_flops.png"
)

// header names the columns; those after the first are numbers.
var header = []string{"configuration", "seeds", "bits/byte", "spread", "difference", "parameters", "active", "FLOPs/token", "s/step", "tokens"}

const legend = `bits/byte: on the validation text after the last step, the mean over the seeds; spread: the largest less the smallest of them.
difference: to the first line. active: parameters that a token uses; FLOPs/token: of the forward pass through them.
s/step: seconds of a training step, the median of the logged ones. tokens: predicted while training, of one run.
`

// Markdown returns the table as Markdown with padded columns.
func (t *Table) Markdown() string {
	rows := [][]string{header}
	for _, line := range t.Lines {
		rows = append(rows, line.cells())
	}
	widths := make([]int, len(header))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		writeRow(&b, row, widths)
		if i == 0 {
			rule := make([]string, len(header))
			for j, width := range widths {
				rule[j] = strings.Repeat("-", width-1) + ":"
			}
			rule[0] = strings.Repeat("-", widths[0])
			writeRow(&b, rule, widths)
		}
	}
	b.WriteString("\n" + legend)
	for _, line := range t.Lines {
		for _, run := range line.Without {
			fmt.Fprintf(&b, "Left out of %s: %s (%s).\n", line.Name, run.Dir, run.Why)
		}
	}
	return b.String()
}

// writeRow pads the cells, the first to the left and numbers to the right.
func writeRow(b *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == 0 {
			b.WriteString("| " + cell + blanks + " |")
		} else {
			b.WriteString(" " + blanks + cell + " |")
		}
	}
	b.WriteString("\n")
}

func (l *Line) cells() []string {
	seeds := make([]string, len(l.Runs))
	for i, r := range l.Runs {
		seeds[i] = fmt.Sprint(r.Seed)
	}
	spread := metrics.Number(math.NaN())
	if len(l.Runs) > 1 { // one run has none
		spread = l.Spread
	}
	return []string{
		strings.ReplaceAll(l.Name, "|", `\|`), orDash(strings.Join(seeds, ", ")), number("%.4f", l.BitsPerByte), number("%.4f", spread),
		number("%+.2f %%", l.Difference), whole(l.Parameters), whole(l.Active), number("%.4g", l.FLOPs),
		number("%.3g", l.SecondsPerStep), whole(l.Tokens),
	}
}

func number(format string, n metrics.Number) string {
	if math.IsNaN(float64(n)) {
		return "–"
	}
	return fmt.Sprintf(format, float64(n))
}

func whole(n int64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// Write writes the table and its plots into a folder.
func (t *Table) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("cannot write the table: %w", err)
	}
	numbers, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, MarkdownFile), []byte(t.Markdown()), 0o666),
		os.WriteFile(filepath.Join(dir, JSONFile), append(numbers, '\n'), 0o666),
		t.draw(filepath.Join(dir, TokensPicture), "tokens trained on", func(*Line) float64 { return 1 }),
		t.draw(filepath.Join(dir, TrainingPicture), "training FLOPs", func(l *Line) float64 { return float64(l.TrainingFLOPs) }),
	)
}

// draw writes the plot of validation bits per byte against the tokens times
// what each costs. Where nothing was evaluated there is none.
func (t *Table) draw(path, axis string, cost func(*Line) float64) (err error) {
	var curves []plot.Curve
	for _, line := range t.Lines {
		c := plot.Curve{Name: line.Name}
		for _, p := range line.curve {
			c.X, c.Y = append(c.X, p.tokens*cost(line)), append(c.Y, p.bitsPerByte)
		}
		if len(c.X) > 0 {
			curves = append(curves, c)
		}
	}
	if len(curves) == 0 {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("cannot write the plot: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return plot.DrawCurves(file, axis, "validation bits per byte", curves)
}
