package report_test

import (
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/conf"
	"agiformer/internal/config"
	"agiformer/internal/report"
)

// run writes a run folder of 4 steps of 100 tokens, 50 a second but for the
// slow first one, with these validation bits per byte after steps 2 and 4.
func run(t *testing.T, root, name string, bits [2]string, overrides ...string) string {
	t.Helper()
	tree, err := config.Compose(config.Options{Builtin: conf.Files, Overrides: append([]string{"training.max_steps=4"}, overrides...)})
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for step := 1; step <= 4; step++ {
		rate := 50
		if step == 1 {
			rate = 1
		}
		fmt.Fprintf(&lines, `{"event":"train","step":%d,"tokens":%d,"tokens_per_second":%d}`+"\n", step, 100*step, rate)
		if step%2 == 0 && bits[step/2-1] != "" {
			fmt.Fprintf(&lines, `{"event":"eval","step":%d,"loss":1,"bits_per_byte":%s}`+"\n", step, bits[step/2-1])
		}
	}
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"config.yaml": string(tree.YAML()), "metrics.jsonl": lines.String()} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func table(t *testing.T) *report.Table {
	t.Helper()
	root := t.TempDir()
	made, err := report.New([]report.Run{
		{Line: "first", Dir: run(t, root, "a", [2]string{"4", "2"}, "seed=1")},
		{Line: "half | size", Dir: run(t, root, "c", [2]string{"3", "1.5"}, "model=minimal", "seed=5")},
		{Line: "first", Dir: run(t, root, "b", [2]string{"5", "3"}, "seed=2")},
		{Line: "first", Dir: run(t, root, "d", [2]string{"6", ""}, "seed=3")},
		{Line: "broken", Dir: filepath.Join(root, "none")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestSeedsStandTogether(t *testing.T) {
	t.Parallel()
	made := table(t)
	if len(made.Lines) != 3 {
		t.Fatalf("%d lines, want 3", len(made.Lines))
	}
	first, half, broken := made.Lines[0], made.Lines[1], made.Lines[2]
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"mean", float64(first.BitsPerByte), 2.5}, {"spread", float64(first.Spread), 1},
		{"difference of the first", float64(first.Difference), 0}, {"difference", float64(half.Difference), -40},
		{"seconds a step", float64(first.SecondsPerStep), 2}, {"tokens", float64(first.Tokens), 400},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s is %g, want %g", c.what, c.got, c.want)
		}
	}
	if len(first.Runs) != 2 || first.Runs[1].Seed != 2 || len(first.Without) != 1 || !strings.HasSuffix(first.Without[0].Dir, "d") {
		t.Errorf("the first line has the runs %v and lacks %v", first.Runs, first.Without)
	}
	if half.Parameters >= first.Parameters || half.FLOPs <= 0 || half.TrainingFLOPs != 3*half.FLOPs || first.Active >= first.Parameters {
		t.Errorf("sizes: %+v, %+v", first, half)
	}
	if !math.IsNaN(float64(broken.BitsPerByte)) || !math.IsNaN(float64(broken.Difference)) || len(broken.Without) != 1 {
		t.Errorf("a line without a result has %+v", broken)
	}
}

func TestFilesOfATable(t *testing.T) {
	t.Parallel()
	made := table(t)
	dir := filepath.Join(t.TempDir(), "new")
	if err := made.Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, report.MarkdownFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| first         |  1, 2 |    2.5000 | 1.0000 |", `| half \| size  |`, "-40.00 %", "Left out of first:", "it did not begin"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, report.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	var numbers struct {
		Lines []struct {
			Name        string   `json:"name"`
			BitsPerByte *float64 `json:"bits_per_byte"`
		} `json:"lines"`
	}
	if err := json.Unmarshal(data, &numbers); err != nil {
		t.Fatal(err)
	}
	if lines := numbers.Lines; len(lines) != 3 || *lines[0].BitsPerByte != 2.5 || lines[2].BitsPerByte != nil {
		t.Errorf("table.json holds %s", data)
	}
	for _, name := range []string{report.TokensPicture, report.TrainingPicture} {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := png.Decode(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingBegun(t *testing.T) {
	t.Parallel()
	made, err := report.New([]report.Run{{Line: "a", Dir: filepath.Join(t.TempDir(), "none")}})
	if made != nil || err != nil {
		t.Errorf("got %v, %v; want no table", made, err)
	}
}
