package doctor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/doctor"
)

// write puts files below root.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	driver580 = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Wed Jul 30 2025\nGCC version: gcc 12\n"
	driver535 = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.104.05  Release Build\n"
	header    = "#define TORCH_VERSION_MAJOR 2\n\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n"
)

// machine returns options for a made-up machine that has everything, and its root folder.
func machine(t *testing.T) (doctor.Options, string) {
	t.Helper()
	root := t.TempDir()
	write(t, root, map[string]string{
		"libtorch/lib/libtorch_cpu.so":                "",
		"libtorch/include/torch/headeronly/version.h": header,
		"proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n",
		"proc/cpuinfo": "processor : 0\nmodel name\t: Made-up CPU\n",
	})
	libraries := doctor.Libraries{Libtorch: filepath.Join(root, "libtorch/lib"), Cgotorch: "/x/libcgotorch.so", Agiformer: "/x/libagiformer_torch.so"}
	return doctor.Options{
		Version: "v1", Root: root, CacheDir: root, WorkDir: root,
		Locate: func() (doctor.Libraries, error) { return libraries, nil },
	}, root
}

func find(t *testing.T, report doctor.Report, name string) doctor.Check {
	t.Helper()
	for _, check := range report.Checks {
		if check.Name == name {
			return check
		}
	}
	t.Fatalf("no check named %q", name)
	return doctor.Check{}
}

func TestUsableMachine(t *testing.T) {
	t.Parallel()
	options, _ := machine(t)
	report := doctor.Inspect(options)
	if !report.Usable || report.Err() != nil {
		t.Fatalf("a machine with everything is not usable: %v", report.Err())
	}
	if got := find(t, report, "libtorch").Values["version"]; got != "2.11.0" {
		t.Errorf("libtorch's version from its header is %q, want 2.11.0", got)
	}
	if got := find(t, report, "memory").Found; got != "16.4 GB, 8.2 GB free" {
		t.Errorf("memory is %q", got)
	}
	if got := find(t, report, "cores").Values["model"]; got != "Made-up CPU" {
		t.Errorf("the CPU's name is %q", got)
	}
	if got := find(t, report, "CUDA"); got.Status != doctor.OK || !strings.Contains(got.Found, "no NVIDIA driver") {
		t.Errorf("a machine without a GPU is reported as %+v", got)
	}
}

func TestProblemsHaveMends(t *testing.T) {
	t.Parallel()
	options, _ := machine(t)
	options.Locate = func() (doctor.Libraries, error) {
		return doctor.Libraries{}, errors.New("libtorch is nowhere: run scripts/fetch_libtorch.sh")
	}
	report := doctor.Inspect(options)
	if report.Usable || report.Err() == nil {
		t.Fatal("a machine without libtorch is called usable")
	}
	if got := find(t, report, "libtorch"); got.Status != doctor.Problem || !strings.Contains(got.Mend, "fetch_libtorch.sh") {
		t.Errorf("missing libtorch: %+v", got)
	}
	for _, check := range report.Checks {
		if check.Status != doctor.OK && check.Mend == "" {
			t.Errorf("%s is a %s without a mend", check.Name, check.Status)
		}
	}
}

func TestMissingSmallLibrary(t *testing.T) {
	t.Parallel()
	options, root := machine(t)
	options.Locate = func() (doctor.Libraries, error) {
		return doctor.Libraries{Libtorch: filepath.Join(root, "libtorch/lib"), Cgotorch: "/x/libcgotorch.so"}, nil
	}
	report := doctor.Inspect(options)
	got := find(t, report, "our libraries")
	if report.Usable || got.Status != doctor.Problem || !strings.Contains(got.Found, "libagiformer_torch.so") {
		t.Errorf("a missing library: usable %v, %+v", report.Usable, got)
	}
}

func TestLibtorchVersions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, file, text, want string
		status                 doctor.Status
	}{
		{"zip", "libtorch/build-version", "2.11.0+cpu\n", "2.11.0+cpu", doctor.OK},
		{"python", "libtorch/version.py", "__version__ = '2.11.0+cu130'\ndebug = False\n", "2.11.0+cu130", doctor.OK},
		{"older", "libtorch/build-version", "2.6.0+cpu\n", "2.6.0+cpu", doctor.Problem},
		{"unknown", "libtorch/include/torch/headeronly/version.h", "", "", doctor.Warning},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			options, root := machine(t)
			write(t, root, map[string]string{test.file: test.text})
			got := find(t, doctor.Inspect(options), "libtorch")
			if got.Values["version"] != test.want || got.Status != test.status {
				t.Errorf("version %q with status %s, want %q with %s", got.Values["version"], got.Status, test.want, test.status)
			}
		})
	}
}

func TestCUDA(t *testing.T) {
	t.Parallel()
	const (
		kernel  = "proc/driver/nvidia/version"
		library = "usr/lib/x86_64-linux-gnu/libcuda.so.1"
		gpu     = "proc/driver/nvidia/gpus/0000:01:00.0/information"
		torch   = "libtorch/lib/libtorch_cuda.so"
	)
	for _, test := range []struct {
		name   string
		files  map[string]string
		status doctor.Status
		found  string
	}{
		{"complete", map[string]string{kernel: driver580, library: "", gpu: "Model: \t NVIDIA H200\n", torch: ""},
			doctor.OK, "driver 580.65.06, 1 device: NVIDIA H200"},
		{"old driver", map[string]string{kernel: driver535, library: "", torch: ""}, doctor.Warning, "535.104.05 is too old"},
		{"container without toolkit", map[string]string{kernel: driver580, torch: ""}, doctor.Warning, "libcuda.so.1 is not found"},
		{"library without driver", map[string]string{library: "", torch: ""}, doctor.Warning, "kernel's driver is not loaded"},
		{"cpu libtorch", map[string]string{kernel: driver580, library: ""}, doctor.Warning, "no CUDA libraries"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			options, root := machine(t)
			write(t, root, test.files)
			report := doctor.Inspect(options)
			got := find(t, report, "CUDA")
			if got.Status != test.status || !strings.Contains(got.Found, test.found) {
				t.Errorf("got %+v, want %s with %q", got, test.status, test.found)
			}
			if !report.Usable {
				t.Error("a machine whose GPU is not usable still has its CPU")
			}
		})
	}
}

func TestMemoryLimitOfContainer(t *testing.T) {
	t.Parallel()
	options, root := machine(t)
	write(t, root, map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000000000\n"})
	got := find(t, doctor.Inspect(options), "memory")
	if got.Status != doctor.Warning || got.Found != "1.0 GB, 1.0 GB free (limited by a control group)" {
		t.Errorf("a container limited to 1 GB is reported as %+v", got)
	}
	write(t, root, map[string]string{"sys/fs/cgroup/memory.max": "max\n"})
	if got := find(t, doctor.Inspect(options), "memory"); got.Found != "16.4 GB, 8.2 GB free" {
		t.Errorf("a container without limit is reported as %+v", got)
	}
}

func TestLoadIsAskedOnlyWhenWanted(t *testing.T) {
	t.Parallel()
	options, _ := machine(t)
	for _, check := range doctor.Inspect(options).Checks {
		if check.Name == "loading" {
			t.Fatal("loading is reported although nothing was loaded")
		}
	}
	options.Load = func() (string, error) { return "", errors.New("libc10.so: undefined symbol") }
	report := doctor.Inspect(options)
	if got := find(t, report, "loading"); report.Usable || !strings.Contains(got.Found, "undefined symbol") {
		t.Errorf("a failed load is reported as %+v", got)
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	options, root := machine(t)
	options.CacheDir = filepath.Join(root, "not", "there", "yet")
	report := doctor.Inspect(options)
	var text, object bytes.Buffer
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := report.JSON(&object); err != nil {
		t.Fatal(err)
	}
	var back doctor.Report
	if err := json.Unmarshal(object.Bytes(), &back); err != nil {
		t.Fatalf("the JSON does not parse: %v", err)
	}
	if len(back.Checks) != len(report.Checks) || back.Usable != report.Usable {
		t.Error("the JSON lost something")
	}
	for _, check := range report.Checks {
		if !strings.Contains(text.String(), check.Found) {
			t.Errorf("the text does not say %q", check.Found)
		}
	}
	if got := find(t, report, "disk of the cache"); got.Values["free_bytes"] == "" || got.Values["free_bytes"] == "0" {
		t.Errorf("the disk of a folder that is not there yet is reported as %+v", got)
	}
}
