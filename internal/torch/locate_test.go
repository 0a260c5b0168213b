package torch_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/torch"
)

const childVariable = "AGIFORMER_TEST_CHILD"

// TestChild is what the tests below start in another process: libraries are
// loaded once in a process's life.
func TestChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		t.Skip("started by other tests only")
	}
	maps := func() string {
		raw, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if strings.Contains(maps(), "libtorch") {
		t.Error("libtorch is loaded before the first job")
	}
	if err := torch.SetThreads(1); err != nil || strings.Contains(maps(), "libtorch") {
		t.Errorf("SetThreads gave %v, or loaded libtorch", err)
	}
	err := torch.Do(func() {})
	if err == nil {
		os.Stdout.WriteString("loaded\n")
		return
	}
	os.Stdout.WriteString("error: " + err.Error() + "\n")
	if torch.Version() != "" || torch.CUDAAvailable() {
		t.Error("a version or a GPU without libraries")
	}
}

// child runs TestChild with more environment and gives the line it printed.
func child(t *testing.T, env ...string) string {
	t.Helper()
	return childIn(t, "", env...)
}

// executable is this test binary, from wherever it was started.
func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// childIn is child in another working folder.
func childIn(t *testing.T, dir string, env ...string) string {
	t.Helper()
	cmd := exec.Command(executable(t), "-test.run=^TestChild$")
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), childVariable+"=1"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func TestLibrariesAreLoadedByTheFirstJobOnly(t *testing.T) {
	t.Parallel()
	if got := child(t); got != "loaded" {
		t.Errorf("the child said %q", got)
	}
}

func TestMissingLibrariesAreASentence(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "libtorch_cpu.so"), []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, errors.New(child(t, "LIBTORCH="+empty)), "error: LIBTORCH is", empty, "2.11.0")
	wantError(t, errors.New(child(t, "LIBTORCH="+broken)), "error: ", filepath.Join(broken, "libtorch_cpu.so"), "cannot be loaded", "make build")
	wantError(t, errors.New(child(t, "AGIFORMER_LIB="+empty)), "error: AGIFORMER_LIB is", "libagiformer_torch.so was not found there", empty, "make build")
}

// Outside of a clone the sentence has to serve a user of an installed copy.
func TestNoLibtorchNamesTheFoldersAndTheWaysOut(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	said := childIn(t, t.TempDir(), "LIBTORCH=", "XDG_CACHE_HOME="+cache, "PATH=")
	wantError(t, errors.New(said), "libtorch 2.11.0 was not found", filepath.Join(filepath.Dir(executable(t)), "lib"),
		filepath.Join(cache, "agiformer", "libtorch-2.11.0-*"), "LIBTORCH=DIR", "make libs")
}

func TestLocate(t *testing.T) {
	t.Parallel()
	found, err := torch.Locate()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(found.Torch, "libtorch_cpu.so"), found.Agiformer, found.GoTorch} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if found.Source == "" || torch.Version() != "2.11.0" || !strings.Contains(torch.BuildInfo(), "PyTorch built with") {
		t.Errorf("found %+v, version %q", found, torch.Version())
	}
}

func TestAnAbsentGPUIsASentence(t *testing.T) {
	t.Parallel()
	if torch.CUDAAvailable() {
		t.Skip("this machine has a GPU")
	}
	if n := torch.CUDACount(); n != 0 {
		t.Errorf("%d GPUs though none is available", n)
	}
	err := torch.Do(func() { ones(2).ToDevice(torch.CUDA(0)) })
	wantError(t, err, "ToDevice", "CUDA", "hardware.device=cpu")
	// Without a driver the CUDA libraries, a large download, would help nothing.
	if _, none := os.Stat("/proc/driver/nvidia/version"); none != nil {
		wantError(t, err, "no NVIDIA driver")
		if strings.Contains(err.Error(), "fetch_libtorch") {
			t.Errorf("without a driver the advice is to fetch libraries: %v", err)
		}
	}
}

func TestThreadsAndDeterminism(t *testing.T) {
	// Alone: both belong to the whole process.
	var before int
	do(t, func() { before = torch.Threads() })
	if err := torch.SetThreads(2); err != nil {
		t.Fatal(err)
	}
	do(t, func() {
		if n := torch.Threads(); n != 2 {
			t.Errorf("%d threads, asked for 2", n)
		}
	})
	if err := errors.Join(torch.SetThreads(before), torch.SetDeterministic(true)); err != nil {
		t.Fatal(err)
	}
	do(t, func() {
		if !torch.Deterministic() {
			t.Error("deterministic algorithms are off after they were switched on")
		}
	})
	if err := torch.SetDeterministic(false); err != nil {
		t.Fatal(err)
	}
	do(t, func() {
		torch.ResetPeakMemory(torch.CPU)
		torch.EmptyCache(torch.CPU)
		torch.Synchronize(torch.CPU)
		if peak, now := torch.PeakMemory(torch.CPU), torch.ResidentMemory(); peak < now/2 || now < 1<<20 {
			t.Errorf("peak %d, resident %d bytes", peak, now)
		}
	})
}
