package torch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/torch"
)

func TestProfile(t *testing.T) { // alone: a profile is the thread's
	path := filepath.Join(t.TempDir(), "trace.json")
	do(t, func() {
		x := ones(3, 4).SetRequiresGrad(true)
		torch.Profile(torch.CPU, path, func() { x.Mul(x).Sum().Backward() })
	})
	trace, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"aten::mul"`, `"aten::sum"`, "MulBackward0", `"traceEvents"`} {
		if !strings.Contains(string(trace), want) {
			t.Errorf("the trace of %d bytes does not tell of %s", len(trace), want)
		}
	}
	nested := torch.Do(func() {
		torch.Profile(torch.CPU, path, func() { torch.Profile(torch.CPU, path, func() {}) })
	})
	wantError(t, nested, "Profile", "already")
	wantError(t, torch.Do(func() { torch.Profile(torch.CPU, filepath.Join(path, "no"), func() {}) }), "Profile", "cannot be written")
	do(t, func() { torch.Profile(torch.CPU, path, func() {}) }) // neither left it on
}
