package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows people how a run goes: a bar on a terminal, a plain line for
// every reported step elsewhere, or JSON lines.
type Progress struct {
	out      io.Writer
	terminal bool // bars can be drawn
	json     bool
	bar      *progressbar.ProgressBar // nil where none is shown
	first    int64                    // step the session began after
	last     int64                    // step the run ends with
	begun    time.Time
}

// NewProgress shows on out; format is "plain", "json", or anything else for a
// bar where out is a terminal.
func NewProgress(out io.Writer, format string) *Progress {
	f, isFile := out.(*os.File)
	return &Progress{
		out: out, json: format == "json",
		terminal: isFile && format != "plain" && format != "json" && term.IsTerminal(int(f.Fd())),
	}
}

// Begin starts the steps after first up to last.
func (p *Progress) Begin(first, last int64) {
	p.first, p.last, p.begun = first, last, time.Now()
	if !p.terminal {
		return
	}
	p.bar = progressbar.NewOptions64(last,
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionSetWidth(p.barWidth()),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetRenderBlankState(true))
	_ = p.bar.Set64(first) // a bar that cannot be drawn is no reason to stop
}

// barWidth is what the terminal's width leaves beside some 86 columns of text.
func (p *Progress) barWidth() int {
	f, ok := p.out.(*os.File)
	if !ok {
		return 20
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 20
	}
	return min(max(columns-86, 2), 20)
}

// Bytes returns what shows bytes done of a total on a terminal; nil elsewhere.
func (p *Progress) Bytes(text string) func(done, total int64) {
	if !p.terminal {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(done, total int64) {
		if bar == nil {
			bar = progressbar.NewOptions64(max(total, 1), progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(text),
				progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
		}
		_ = bar.Set64(done)
	}
}

// Step moves the bar; it shows nothing elsewhere.
func (p *Progress) Step(step int64) {
	if p.bar != nil {
		_ = p.bar.Set64(step)
	}
}

// Train shows a train line.
func (p *Progress) Train(e Train) {
	if p.json {
		_ = json.NewEncoder(p.out).Encode(e)
		return
	}
	format := "loss %.4f | %.3f bits/byte | lr %.3g | %s tokens/s | %s left"
	if p.bar != nil {
		format = "loss %.3f %.3f bits/byte lr %.3g %s tok/s %s left" // a terminal may be narrow
	}
	text := fmt.Sprintf(format, float64(e.Loss), float64(e.BitsPerByte), float64(e.LR), short(float64(e.TokensPerSecond)), p.left(e.Step))
	if p.bar != nil {
		p.bar.Describe(text)
		return
	}
	fmt.Fprintf(p.out, "step %d/%d | %s\n", e.Step, p.last, text)
}

// Say shows a line of text, above the bar where there is one.
func (p *Progress) Say(text string) {
	if p.json {
		_ = json.NewEncoder(p.out).Encode(map[string]string{"event": "log", "text": text})
		return
	}
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.out, text)
	if p.bar != nil {
		_ = p.bar.RenderBlank()
	}
}

// Close ends the bar's line.
func (p *Progress) Close() {
	if p.bar != nil {
		fmt.Fprintln(p.out)
	}
}

// left estimates the time to the last step from this session's pace.
func (p *Progress) left(step int64) string {
	if step <= p.first {
		return "?"
	}
	pace := time.Since(p.begun) / time.Duration(step-p.first)
	return (time.Duration(p.last-step) * pace).Round(time.Second).String()
}

// short prints a rate with three digits: 812, 23.4k, 1.25M.
func short(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.3gM", x/1e6)
	case x >= 1e3:
		return fmt.Sprintf("%.3gk", x/1e3)
	default:
		return fmt.Sprintf("%.3g", x)
	}
}
