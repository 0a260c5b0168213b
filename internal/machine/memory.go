// Package machine says what this process may use of the machine it runs on.
package machine

import (
	"os"
	"strconv"
	"strings"
)

// Memory is in bytes; 0 where the system does not tell.
type Memory struct {
	Total, Free uint64
	// Limited says that a control group, as of a container or a batch job, allows less than the machine has.
	Limited bool
}

// ReadMemory reads it from the system's files under root, which is "/" but in tests.
func ReadMemory(root string) Memory {
	m := Memory{Total: meminfo(root, "MemTotal"), Free: meminfo(root, "MemAvailable")}
	if limit, ok := cgroupLimit(root); ok && limit < m.Total {
		m = Memory{Total: limit, Free: min(m.Free, limit), Limited: true}
	}
	return m
}

// meminfo returns a row of /proc/meminfo in bytes.
func meminfo(root, row string) uint64 {
	text, _ := os.ReadFile(root + "/proc/meminfo")
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == row+":" {
			kilobytes, _ := strconv.ParseUint(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// cgroupLimit returns the memory limit of a container in bytes, and whether there is one (control groups 2 and 1).
func cgroupLimit(root string) (uint64, bool) {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(root + file)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		return limit, err == nil && limit < 1<<60 // version 1 writes a huge number for "none"
	}
	return 0, false
}
