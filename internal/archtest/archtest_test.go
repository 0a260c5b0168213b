package archtest_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"agiformer/internal/archtest"
)

// TestArrows holds this module's own packages to the rules.
func TestArrows(t *testing.T) {
	t.Parallel()
	found, err := archtest.Check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, sentence := range found {
		t.Error(sentence)
	}
}

// TestRulesBite makes small trees that break one rule each.
func TestRulesBite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string // file -> import
		want  string            // "" where the tree is fine
	}{
		{"cgo outside", map[string]string{"internal/model/a.go": "C"}, `imports "C"`},
		{"cgo inside", map[string]string{"internal/torch/a.go": "C"}, ""},
		{"gotorch outside", map[string]string{"internal/model/a.go": "github.com/wangkuiyi/gotorch/nn"}, "only internal/torch may"},
		{"viper outside", map[string]string{"internal/train/a_test.go": "github.com/spf13/viper"}, "only internal/config may"},
		{"upwards", map[string]string{"internal/experts/a.go": "agiformer/internal/model"}, "wrong way"},
		{"sideways", map[string]string{"internal/experts/a.go": "agiformer/internal/memory"}, "wrong way"},
		{"downwards", map[string]string{"internal/model/a.go": "agiformer/internal/experts"}, ""},
		{"within", map[string]string{"internal/model/a.go": "agiformer/internal/model/parts"}, ""},
		{"blocks", map[string]string{"internal/experts/a.go": "agiformer/internal/model/nn"}, ""},
		{"blocks upwards", map[string]string{"internal/model/nn/a.go": "agiformer/internal/model"}, "wrong way"},
		{"program", map[string]string{"internal/doctor/a.go": "agiformer/cmd/agiformer"}, "wrong way"},
		{"leaf", map[string]string{"internal/config/a.go": "agiformer/internal/data"}, "is a leaf"},
		{"leaf's test", map[string]string{"internal/config/a_test.go": "agiformer/internal/data"}, ""},
		{"light through another", map[string]string{
			"internal/data/a.go": "agiformer/internal/pin", "internal/pin/a.go": "agiformer/internal/torch",
		}, "internal/data -> internal/pin -> internal/torch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{}
			for file, target := range test.files {
				tree[file] = &fstest.MapFile{Data: []byte("package p\n\nimport _ \"" + target + "\"\n")}
			}
			found, err := archtest.Check(tree)
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(found, "\n")
			if (test.want == "") != (all == "") || !strings.Contains(all, test.want) {
				t.Errorf("found %q, want %q", all, test.want)
			}
		})
	}
}
