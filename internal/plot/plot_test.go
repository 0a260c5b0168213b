package plot_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/plot"
)

// writeRun makes a run folder with metrics whose loss falls to floor.
func writeRun(t *testing.T, name string, floor float64, experts bool, tail string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for step := 10; step <= 100; step += 10 {
		loss := floor + 30/float64(step)
		fmt.Fprintf(&text, `{"event":"train","step":%d,"loss":%g,"lm_loss":%g,"lr":1e-3,"bits_per_byte":%g}`+"\n", step, loss, loss, loss*1.44)
		usage := ""
		if experts {
			usage = `,"expert_usage":[[0.25,0.75],[0.5,0.5]]`
		}
		fmt.Fprintf(&text, `{"event":"eval","step":%d,"loss":%g,"bits_per_byte":%g%s}`+"\n", step, loss+0.1, loss*1.5, usage)
	}
	text.WriteString(tail)
	if err := os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, dir string) *plot.Run {
	t.Helper()
	run, err := plot.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestReadLeavesOutTheLineThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	run := read(t, writeRun(t, "night", 2, true, `{"event":"train","step":110,"lo`))
	if len(run.Train) != 10 || len(run.Eval) != 10 {
		t.Fatalf("read %d train and %d eval points, want 10 and 10", len(run.Train), len(run.Eval))
	}
	if got := run.Eval[9].ExpertUsage[0][1]; got != 0.75 {
		t.Errorf("usage of expert 1 in block 0 is %g, want 0.75", got)
	}
	if !strings.HasSuffix(run.Name, "night") {
		t.Errorf("the run is called %q, want its folder's name in it", run.Name)
	}
}

// The names are the configuration's; without a configuration there are none,
// and that is no error.
func TestReadNamesTheExperts(t *testing.T) {
	t.Parallel()
	dir := writeRun(t, "night", 2, true, "")
	if run := read(t, dir); len(run.Experts) != 0 {
		t.Errorf("without a config.yaml the experts are called %q", run.Experts)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("model:\n  expert_types: [language, logic]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := read(t, dir)
	if len(run.Experts) != 2 || run.Experts[1] != "logic" {
		t.Errorf("the experts are called %q, want language and logic", run.Experts)
	}
	decode(t, run)
}

// What was not finite is null in the file; it is no zero.
func TestReadTakesNullForNaN(t *testing.T) {
	t.Parallel()
	run := read(t, writeRun(t, "night", 2, false, `{"event":"eval","step":110,"loss":null,"bits_per_byte":null}`+"\n"))
	if last := run.Eval[len(run.Eval)-1]; last.Step != 110 || !math.IsNaN(float64(last.Loss)) {
		t.Errorf("the last evaluation is %+v, want a loss of NaN at step 110", last)
	}
}

func TestReadNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ dir, want string }{
		"no run":      {t.TempDir(), "holds no metrics.jsonl"},
		"broken line": {writeRun(t, "a", 2, false, "{oops}\n{}\n"), "line 21"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plot.Read(c.dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestDrawPutsRunsSideBySide(t *testing.T) {
	t.Parallel()
	plain := read(t, writeRun(t, "plain", 2, false, ""))
	routed := read(t, writeRun(t, "routed", 1, true, ""))
	one := decode(t, plain)
	two := decode(t, plain, routed)
	if got, want := two.Bounds().Dx(), 2*one.Bounds().Dx(); got < want-2 || got > want+2 {
		t.Errorf("two runs are %d pixels wide, want twice the %d of one", got, one.Bounds().Dx())
	}
	// The row of expert usage is there only where a run has a router.
	if one.Bounds().Dy() >= two.Bounds().Dy() {
		t.Errorf("a run with a router must get a row more: %d pixels against %d", two.Bounds().Dy(), one.Bounds().Dy())
	}
	for name, picture := range map[string]image.Image{"one": one, "two": two} {
		if !holds(picture, color.NRGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}) {
			t.Errorf("picture %s does not show the training curve", name)
		}
		if !holds(picture, color.NRGBA{R: 0xd6, G: 0x27, B: 0x28, A: 0xff}) {
			t.Errorf("picture %s does not show the validation curve", name)
		}
	}
}

func decode(t *testing.T, runs ...*plot.Run) image.Image {
	t.Helper()
	var out bytes.Buffer
	if err := plot.Draw(&out, runs); err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(&out)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// holds says whether a pixel of the picture has exactly this color.
func holds(picture image.Image, want color.Color) bool {
	r, g, b, a := want.RGBA()
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			if pr, pg, pb, pa := picture.At(x, y).RGBA(); pr == r && pg == g && pb == b && pa == a {
				return true
			}
		}
	}
	return false
}
