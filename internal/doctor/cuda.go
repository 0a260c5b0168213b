package doctor

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// oldestDriver is the first NVIDIA driver branch that runs CUDA 13, which the pinned libtorch is built for.
const oldestDriver = 580

var driverNumber = regexp.MustCompile(`Kernel Module[^\n]*?\s(\d+)\.(\d+(?:\.\d+)?)\s`)

// cuda looks for the kernel's driver, the user-side driver library, devices and libtorch's CUDA libraries. A
// machine without a GPU is fine: everything runs on the CPU.
func cuda(root, libtorch string) Check {
	check := Check{Name: "CUDA", Status: OK, Values: map[string]string{}}
	driver := kernelDriver(root)
	library := driverLibrary(root)
	if driver == "" && library == "" {
		check.Found = "no NVIDIA driver: the CPU does the work"
		return check
	}
	devices := deviceNames(root)
	check.Values["driver"], check.Values["library"] = driver, library
	check.Values["devices"] = strings.Join(devices, "; ")
	check.Found = fmt.Sprintf("driver %s, %s", orUnknown(driver), countDevices(devices))
	major, _ := strconv.Atoi(strings.SplitN(driver, ".", 2)[0])
	switch {
	case library == "":
		check.warn("the kernel has the NVIDIA driver and libcuda.so.1 is not found",
			"in a container start it with the NVIDIA runtime (docker run --gpus all); else install the driver's user libraries")
	case driver == "":
		check.warn("libcuda.so.1 is there and the kernel's driver is not loaded",
			"load it (modprobe nvidia) or, in a container, pass the devices (docker run --gpus all)")
	case major < oldestDriver:
		check.warn(fmt.Sprintf("driver %s is too old for CUDA 13", driver),
			fmt.Sprintf("install NVIDIA driver %d or later; until then hardware=cpu works", oldestDriver))
	case libtorch != "" && !exists(filepath.Join(libtorch, "libtorch_cuda.so")):
		check.warn(check.Found+"; this libtorch has no CUDA libraries",
			"run scripts/fetch_libtorch.sh cuda, or set LIBTORCH to a libtorch with CUDA 13")
	}
	return check
}

func (c *Check) warn(found, mend string) {
	c.Status, c.Found, c.Mend = Warning, found, mend
}

// kernelDriver returns the version of the loaded NVIDIA kernel module, or "".
func kernelDriver(root string) string {
	text, err := os.ReadFile(root + "/proc/driver/nvidia/version")
	if err != nil {
		return ""
	}
	match := driverNumber.FindSubmatch(text)
	if match == nil {
		return ""
	}
	return string(match[1]) + "." + string(match[2])
}

// driverLibrary returns the path of libcuda.so.1, or "". The loader's own search is not asked: that would load it.
func driverLibrary(root string) string {
	folders := strings.Split(os.Getenv("LD_LIBRARY_PATH"), ":")
	if root != "" {
		folders = nil
	}
	folders = append(folders, "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/lib/wsl/lib",
		"/usr/local/nvidia/lib64", "/usr/local/cuda/compat", "/run/opengl-driver/lib")
	for _, folder := range folders {
		if folder == "" {
			continue
		}
		if path := root + filepath.Join(folder, "libcuda.so.1"); exists(path) {
			return path
		}
	}
	return ""
}

// deviceNames lists the GPUs, by nvidia-smi (name and memory) where it is there, else from the kernel (names).
func deviceNames(root string) []string {
	if root == "" {
		if devices := askNvidiaSMI(); devices != nil {
			return devices
		}
	}
	files, _ := filepath.Glob(root + "/proc/driver/nvidia/gpus/*/information")
	var devices []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			if name, found := strings.CutPrefix(line, "Model:"); found {
				devices = append(devices, strings.TrimSpace(name))
			}
		}
	}
	return devices
}

func askNvidiaSMI() []string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader").Output()
	if err != nil {
		return nil
	}
	reader := csv.NewReader(strings.NewReader(string(out)))
	reader.TrimLeadingSpace = true
	rows, err := reader.ReadAll()
	if err != nil {
		return nil
	}
	var devices []string
	for _, row := range rows {
		devices = append(devices, strings.Join(row, ", "))
	}
	return devices
}

func countDevices(devices []string) string {
	switch len(devices) {
	case 0:
		return "no device visible"
	case 1:
		return "1 device: " + devices[0]
	}
	return fmt.Sprintf("%d devices: %s", len(devices), strings.Join(devices, "; "))
}

func orUnknown(text string) string {
	if text == "" {
		return "of unknown version"
	}
	return text
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
