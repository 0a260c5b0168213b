package nn_test

import (
	"fmt"
	"os"
	"testing"

	"agiformer/internal/torch"
)

// TestMain ends with the check that no test left a tensor alive.
func TestMain(m *testing.M) {
	torch.SetThreads(1)
	code := m.Run()
	if n := torch.Live(); n != 0 {
		fmt.Fprintf(os.Stderr, "%d tensors are still alive after all tests\n", n)
		code = 1
	}
	os.Exit(code)
}

// job runs fn on the torch worker.
func job(t *testing.T, fn func()) {
	t.Helper()
	if err := torch.Do(fn); err != nil {
		t.Fatal(err)
	}
}
