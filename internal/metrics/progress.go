package metrics

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows people how a run goes: a bar on a terminal, a plain line for
// every reported step elsewhere.
type Progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar // nil where out is no terminal
	first int64                    // step the session began after
	last  int64                    // step the run ends with
	begun time.Time
}

// NewProgress shows the steps after first up to last on out.
func NewProgress(out io.Writer, first, last int64) *Progress {
	p := &Progress{out: out, first: first, last: last, begun: time.Now()}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(last,
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetWidth(20),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetRenderBlankState(true))
		_ = p.bar.Set64(first) // a bar that cannot be drawn is no reason to stop
	}
	return p
}

// Step moves the bar; it shows nothing elsewhere.
func (p *Progress) Step(step int64) {
	if p.bar != nil {
		_ = p.bar.Set64(step)
	}
}

// Train shows a train line.
func (p *Progress) Train(e Train) {
	text := fmt.Sprintf("loss %.4f | %.3f bits/byte | lr %.3g | %s tokens/s | %s left",
		float64(e.Loss), float64(e.BitsPerByte), float64(e.LR), short(float64(e.TokensPerSecond)), p.left(e.Step))
	if p.bar != nil {
		p.bar.Describe(text)
		return
	}
	fmt.Fprintf(p.out, "step %d/%d | %s\n", e.Step, p.last, text)
}

// Say shows a line of text, above the bar where there is one.
func (p *Progress) Say(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.out, format+"\n", args...)
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
