package machine_test

import (
	"os"
	"path/filepath"
	"testing"

	"agiformer/internal/machine"
)

func TestMemoryIsTheLeastOfMachineAndControlGroups(t *testing.T) {
	t.Parallel()
	const meminfo = "MemTotal:  8000 kB\nMemFree:  1000 kB\nMemAvailable:  4000 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  machine.Memory
	}{
		"no control groups": {nil, machine.Memory{Total: 8000 << 10, Free: 4000 << 10}},
		"a container's": {
			map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "2048000\n"},
			machine.Memory{Total: 2000 << 10, Free: 2000 << 10, Limited: true},
		},
		"a container's under the host's path": {
			map[string]string{"proc/self/cgroup": "0::/docker/a1\n", "sys/fs/cgroup/memory.max": "6144000\n"},
			machine.Memory{Total: 6000 << 10, Free: 4000 << 10, Limited: true},
		},
		"a job's, of which the one around it allows less": {
			map[string]string{
				"proc/self/cgroup":                   "0::/slurm/job/step\n",
				"sys/fs/cgroup/slurm/job/memory.max": "1024000\n", "sys/fs/cgroup/slurm/job/step/memory.max": "max\n",
				"sys/fs/cgroup/slurm/memory.max": "2048000\n",
			},
			machine.Memory{Total: 1000 << 10, Free: 1000 << 10, Limited: true},
		},
		"version 1": {
			map[string]string{
				"proc/self/cgroup": "11:cpu,cpuacct:/other\n9:hugetlb,memory:/job\n",
				"sys/fs/cgroup/memory/job/memory.limit_in_bytes":   "3072000\n",
				"sys/fs/cgroup/memory/other/memory.limit_in_bytes": "1024\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes":       "9223372036854771712\n",
			},
			machine.Memory{Total: 3000 << 10, Free: 3000 << 10, Limited: true},
		},
		"a limit above the machine's memory": {
			map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99999999\n"},
			machine.Memory{Total: 8000 << 10, Free: 4000 << 10},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write := func(file, text string) {
				file = filepath.Join(root, file)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("proc/meminfo", meminfo)
			for file, text := range c.files {
				write(file, text)
			}
			if got := machine.ReadMemory(root); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	if got := machine.ReadMemory(t.TempDir()); got != (machine.Memory{}) {
		t.Errorf("a system that tells nothing has %+v", got)
	}
}
