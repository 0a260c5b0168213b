package hydra_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"agiformer/internal/config/hydra"
)

// caseFile is testdata/cases.json, made with the real Hydra by make_cases.py.
type caseFile struct {
	Env   map[string]string            `json:"env"`
	Trees map[string]map[string]string `json:"trees"`
	Cases []struct {
		Tree      string          `json:"tree"`
		Overrides []string        `json:"overrides"`
		Multirun  bool            `json:"multirun"`
		OK        bool            `json:"ok"`
		Expect    json.RawMessage `json:"expect"`
		Jobs      [][]string      `json:"jobs"`
	} `json:"cases"`
}

var hydraCases caseFile

func TestMain(m *testing.M) {
	data, err := os.ReadFile("testdata/cases.json")
	if err == nil {
		err = json.Unmarshal(data, &hydraCases)
	}
	if err != nil {
		panic(err)
	}
	for name, value := range hydraCases.Env {
		os.Setenv(name, value)
	}
	os.Exit(m.Run())
}

func tree(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// decode reads JSON with integers of any size.
func decode(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return normal(v)
}

// normal makes numbers comparable: integers exact, floats by value, each with
// its type.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = normal(v[k])
		}
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case json.Number:
		if i, ok := new(big.Int).SetString(v.String(), 10); ok {
			return "integer " + i.String()
		}
		f, _ := v.Float64()
		return f
	}
	return v
}

func TestHydraAgrees(t *testing.T) {
	t.Parallel()
	for _, c := range hydraCases.Cases {
		name := c.Tree + " " + strings.Join(c.Overrides, " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := hydra.Options{Files: tree(hydraCases.Trees[c.Tree]), Shown: "conf", Name: "config", Overrides: c.Overrides}
			got, jobs, err := run(opts, c.Multirun)
			if (err == nil) != c.OK {
				t.Fatalf("Hydra accepts it: %v; here: %v", c.OK, err)
			}
			if !c.OK {
				return
			}
			if want, have := decode(t, c.Expect), decode(t, got); !reflect.DeepEqual(want, have) {
				t.Errorf("Hydra composes\n%v\nhere\n%v", want, have)
			}
			if c.Multirun && !reflect.DeepEqual(unquoted(c.Jobs), unquoted(jobs)) {
				t.Errorf("Hydra's jobs are %v, here %v", c.Jobs, jobs)
			}
		})
	}
}

// run composes a configuration, or a sweep, whose configurations it returns as
// a JSON list.
func run(opts hydra.Options, multirun bool) ([]byte, [][]string, error) {
	if !multirun {
		composed, err := hydra.Compose(opts)
		if err != nil {
			return nil, nil, err
		}
		return composed.JSON(), nil, nil
	}
	sweep, err := hydra.Sweep(opts)
	var configs [][]byte
	var lists [][]string
	for _, job := range sweep {
		configs = append(configs, job.Tree.JSON())
		lists = append(lists, job.Overrides)
	}
	return []byte("[" + string(bytes.Join(configs, []byte(","))) + "]"), lists, err
}

var quoting = regexp.MustCompile(`[\\'"]`)

// unquoted drops quotes and escapes: two ways to write one value are equal.
func unquoted(jobs [][]string) [][]string {
	var out [][]string
	for _, job := range jobs {
		var lines []string
		for _, line := range job {
			lines = append(lines, quoting.ReplaceAllString(line, ""))
		}
		out = append(out, lines)
	}
	return out
}

// TestYAMLReadsBack writes every accepted case as YAML and reads it again.
func TestYAMLReadsBack(t *testing.T) {
	t.Parallel()
	for _, c := range hydraCases.Cases {
		if !c.OK || c.Multirun {
			continue
		}
		composed, err := hydra.Compose(hydra.Options{Files: tree(hydraCases.Trees[c.Tree]), Shown: "conf", Name: "config", Overrides: c.Overrides})
		if err != nil {
			t.Fatal(err)
		}
		again, err := hydra.Read(composed.YAML(), "written")
		if err != nil {
			t.Fatalf("%v: %v in\n%s", c.Overrides, err, composed.YAML())
		}
		if !bytes.Equal(composed.JSON(), again.JSON()) {
			t.Errorf("%v: wrote\n%s\nread back\n%s", c.Overrides, composed.JSON(), again.JSON())
		}
	}
}

// TestNow checks strftime against Python's answers for the same moment.
func TestNow(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 5, 4, 7, 9, 12345000, time.UTC)
	pattern := "%Y-%m-%d_%H-%M-%S_%f_%j_%a_%A_%b_%B_%y_%p_%I_%w_%u_%U_%W_%G_%V_%Z_%%_%D_%T_%e_%-d"
	want := "2026-03-05_04-07-09_012345_064_Thu_Thursday_Mar_March_26_AM_04_4_4_09_09_2026_10__%_03/05/26_04:07:09_ 5_5"
	files := tree(map[string]string{"config.yaml": "stamp: '${now:\"" + pattern + "\"}'\n"})
	got, err := hydra.Compose(hydra.Options{Files: files, Name: "config", Now: at})
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Root.Get("stamp").S; s != want {
		t.Errorf("now gives\n%s\nPython gives\n%s", s, want)
	}
}

func TestEmptySweep(t *testing.T) {
	t.Parallel()
	files := tree(map[string]string{"config.yaml": "seed: 1\n"})
	for _, line := range []string{"seed=range(0)", "seed=glob(x*)"} {
		jobs, err := hydra.Sweep(hydra.Options{Files: files, Name: "config", Overrides: []string{line}})
		if err != nil || len(jobs) != 0 {
			t.Errorf("%s: %d jobs, error %v; want none", line, len(jobs), err)
		}
	}
}
