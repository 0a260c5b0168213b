package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"agiformer/internal/machine"
)

// What a first run needs, in bytes: libtorch unpacked beside its wheels; checkpoints and token shards; the
// quickstart's model with its optimizer, activations and libtorch itself.
const (
	cacheNeeds  = 1300 << 20
	runNeeds    = 500 << 20
	memoryNeeds = 2 << 30
)

// cores reports how many cores this process may use and which vector units they have.
func cores(root string) Check {
	usable, present := runtime.GOMAXPROCS(0), runtime.NumCPU()
	features := features()
	check := Check{Name: "cores", Status: OK, Values: map[string]string{
		"usable": strconv.Itoa(usable), "present": strconv.Itoa(present),
		"model": cpuModel(root), "features": strings.Join(features, " "),
	}}
	check.Found = strconv.Itoa(usable)
	if usable != present {
		check.Found += fmt.Sprintf(" of %d (a container's limit or GOMAXPROCS)", present)
	}
	if model := check.Values["model"]; model != "" {
		check.Found += ", " + model
	}
	check.Found += ", " + orElse(strings.Join(features, " "), "no AVX2")
	if threads := os.Getenv("OMP_NUM_THREADS"); threads != "" {
		check.Values["OMP_NUM_THREADS"] = threads
		check.Found += ", OMP_NUM_THREADS=" + threads
	}
	if runtime.GOARCH == "amd64" && !cpu.X86.HasAVX2 {
		check.Status = Warning
		check.Mend = "training is several times slower without AVX2: use a machine (or a virtual CPU type) that has it"
	}
	return check
}

// features names the vector units that libtorch's kernels look for; avx512_bf16 and amx_bf16 make bfloat16 fast.
func features() []string {
	var names []string
	for _, feature := range []struct {
		has  bool
		name string
	}{
		{cpu.X86.HasAVX2, "avx2"},
		{cpu.X86.HasAVX512F, "avx512"},
		{cpu.X86.HasAVX512BF16, "avx512_bf16"},
		{cpu.X86.HasAMXBF16, "amx_bf16"},
	} {
		if feature.has {
			names = append(names, feature.name)
		}
	}
	return names
}

func cpuModel(root string) string {
	text, err := os.ReadFile(root + "/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "model name") {
			_, name, _ := strings.Cut(line, ":")
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// memory reports the memory that this process may use.
func memory(root string) Check {
	m := machine.ReadMemory(root)
	check := Check{Name: "memory", Status: OK, Found: gigabytes(m.Total) + ", " + gigabytes(m.Free) + " free"}
	if m.Limited {
		check.Found += " (limited by a control group)"
	}
	check.Values = map[string]string{"total_bytes": fmt.Sprint(m.Total), "free_bytes": fmt.Sprint(m.Free)}
	if m.Free < memoryNeeds {
		check.Status = Warning
		check.Mend = "the quickstart needs " + gigabytes(memoryNeeds) + ": end other programs, or take a smaller training.batch_size"
	}
	return check
}

// disk reports the free space of the file system that holds folder, or of its nearest parent that exists.
func disk(name, folder string, needs uint64) Check {
	check := Check{Name: name, Status: OK}
	for place := folder; ; place = filepath.Dir(place) {
		var stat unix.Statfs_t
		if err := unix.Statfs(place, &stat); err == nil {
			free := stat.Bavail * uint64(stat.Bsize)
			check.Found = gigabytes(free) + " free in " + folder
			check.Values = map[string]string{"folder": folder, "free_bytes": fmt.Sprint(free)}
			if free < needs {
				check.Status = Warning
				check.Mend = "free at least " + gigabytes(needs) + " there, or use another disk (XDG_CACHE_HOME for the cache, run.dir for runs)"
			}
			return check
		}
		if place == "/" || place == "." {
			check.Status, check.Found = Warning, "cannot look at "+folder
			check.Mend = "make the folder readable, or name another one (XDG_CACHE_HOME for the cache, run.dir for runs)"
			return check
		}
	}
}

// gigabytes writes a number of bytes in units of 10^9 bytes, as disks and df -H do.
func gigabytes(bytes uint64) string {
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
