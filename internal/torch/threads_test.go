package torch_test

import (
	"os"
	"strings"
	"testing"

	"agiformer/internal/torch"
)

// Our own kernels share libtorch's team of threads: a second OpenMP library would
// keep a second team, and both would spin for the same cores.
func TestOneOpenMPIsLoaded(t *testing.T) {
	t.Parallel()
	if err := torch.Do(func() {}); err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(maps)) {
		if fields := strings.Fields(line); len(fields) >= 6 && strings.Contains(fields[5], "libgomp") {
			found[fields[5]] = true
		}
	}
	if len(found) != 1 {
		t.Errorf("the process has %d OpenMP libraries, one is wanted: %v", len(found), found)
	}
}
