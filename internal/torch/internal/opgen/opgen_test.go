package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../../.."

func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	yaml := filepath.Join(root, "third_party", "libtorch", "native_functions.yaml")
	if _, err := os.Stat(yaml); err != nil {
		t.Skip("no libtorch here:", err)
	}
	files, err := outputs(root, yaml)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what csrc/ops.txt gives (%v): run go generate ./internal/torch", name, err)
		}
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ args, returns string }{
		"add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)": {"Tensor self; Tensor other; Scalar alpha=1", "Tensor"},
		"split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]": {
			"Tensor self; SymInt split_size; int dim=0", "Tensor[]"},
		"max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)": {
			"Tensor self; int dim; bool keepdim=False", "Tensor Tensor"},
		"conv(Tensor x, SymInt[1] stride=1, int[2] p=[0,1], Tensor? b=None) -> Tensor": {
			"Tensor x; SymInt[1] stride=1; int[2] p=[0,1]; Tensor? b=None", "Tensor"},
		"_foreach_copy_(Tensor(a!)[] self, Tensor[] src, bool non_blocking=False) -> ()": {
			"Tensor[] self; Tensor[] src; bool non_blocking=False", ""},
	}
	for text, want := range cases {
		s, err := parseSchema(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var args []string
		for _, a := range s.args {
			arg := a.typ + " " + a.name
			if a.def != "" {
				arg += "=" + a.def
			}
			args = append(args, arg)
		}
		if got := strings.Join(args, "; "); got != want.args {
			t.Errorf("%s has arguments %q, want %q", text, got, want.args)
		}
		if got := strings.Join(s.returns, " "); got != want.returns {
			t.Errorf("%s returns %q, want %q", text, got, want.returns)
		}
	}
}

func TestListErrorsNameTheLine(t *testing.T) {
	t.Parallel()
	relu, err := parseSchema("relu(Tensor self) -> Tensor")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := parseSchema("cat(Tensor[] tensors, int dim=0) -> Tensor")
	if err != nil {
		t.Fatal(err)
	}
	schemas := map[string]*schema{"relu": relu, "cat": cat}
	for line, want := range map[string]string{
		"nope Nope self":                 `no operator "nope"`,
		"relu Relu other":                `no argument "other"`,
		"relu Relu":                      "expected an operator",
		"cat Cat tensors":                "write func:Cat",
		"cat func:Cat dim":               "tensors has no default",
		"relu Relu self\nrelu Relu self": "listed twice",
	} {
		path := filepath.Join(t.TempDir(), "ops.txt")
		if err := os.WriteFile(path, []byte("# ops\n"+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readOps(path, schemas)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path+":") {
			t.Errorf("%q gave %v, want %q with file and line", line, err, want)
		}
	}
}
