// Package machine says what this process may use of the machine it runs on.
package machine

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Memory is in bytes; 0 where the system does not tell.
type Memory struct {
	Total, Free uint64
	// Limited says that a control group, as of a container or a batch job, allows less than the machine has.
	Limited bool
}

// ReadMemory reads it from the system's files under root, which is "" but in tests.
func ReadMemory(root string) Memory {
	m := Memory{Total: meminfo(root, "MemTotal"), Free: meminfo(root, "MemAvailable")}
	if limit, ok := cgroupLimit(root); ok && limit < m.Total {
		m = Memory{Total: limit, Free: min(m.Free, limit), Limited: true}
	}
	return m
}

// meminfo returns a row of /proc/meminfo in bytes.
func meminfo(root, row string) uint64 {
	for line := range lines(root + "/proc/meminfo") {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == row+":" {
			kilobytes, _ := strconv.ParseUint(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// cgroupLimit returns the least memory limit of the process's control groups, of versions 2 and 1, and of those
// around them, and whether there is one. In a container the paths may be the host's while its files show the
// container's group at the top; so the top is always looked at.
func cgroupLimit(root string) (least uint64, found bool) {
	for line := range lines(root + "/proc/self/cgroup") { // number:controllers:path
		_, rest, _ := strings.Cut(line, ":")
		controllers, group, _ := strings.Cut(rest, ":")
		var top, file string
		switch {
		case group == "":
			continue
		case controllers == "":
			top, file = root+"/sys/fs/cgroup", "memory.max"
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			top, file = root+"/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for at := path.Clean("/" + group); ; at = path.Dir(at) {
			if limit, ok := limitIn(path.Join(top, at, file)); ok && (!found || limit < least) {
				least, found = limit, true
			}
			if at == "/" {
				break
			}
		}
	}
	return least, found
}

// limitIn reads a limit; version 2 writes "max" for none and version 1 a huge number.
func limitIn(file string) (limit uint64, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	limit, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return limit, err == nil && limit < 1<<60
}

// lines yields a file's lines; none where it cannot be read.
func lines(file string) func(yield func(string) bool) {
	text, _ := os.ReadFile(file)
	return strings.SplitSeq(strings.TrimSpace(string(text)), "\n")
}
