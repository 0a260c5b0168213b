// Package doctor looks at what agiformer needs from a machine (libtorch, the CUDA driver and its devices, cores,
// memory, disk) and says of everything that is missing how to mend it. It reads files and asks the kernel; it
// loads no library unless the caller hands it a Load function.
package doctor

import (
	"runtime"
	"runtime/debug"
)

// Status says how much a finding matters.
type Status string

// The statuses of a check.
const (
	OK      Status = "ok"      // as it should be
	Warning Status = "warning" // agiformer works, but slower or with less than it could
	Problem Status = "problem" // training and generation cannot run
)

// Check is one thing that was looked at.
type Check struct {
	Name   string            `json:"name"`
	Status Status            `json:"status"`
	Found  string            `json:"found"`          // what is there, for people
	Mend   string            `json:"mend,omitempty"` // what to do about it; empty when the status is ok
	Values map[string]string `json:"values,omitempty"`
}

// Report is everything that Inspect found, in the order in which people read it.
type Report struct {
	Usable bool    `json:"usable"` // false when a check is a Problem
	Checks []Check `json:"checks"`
}

// Libraries are the places of the shared libraries, as found without loading them.
type Libraries struct {
	Libtorch  string // the folder that holds libtorch_cpu.so
	Source    string // why that folder: LIBTORCH, beside the program, the cache, ...
	Cgotorch  string // libcgotorch.so, a file
	Agiformer string // libagiformer_torch.so, a file
}

// Options says where to look.
type Options struct {
	// Version of the program; empty takes what Go's build recorded.
	Version string
	// Locate finds the libraries without loading them. Its error is a sentence with the mend.
	Locate func() (Libraries, error)
	// Load loads the libraries and says what answered; nil leaves them alone.
	Load func() (string, error)
	// CacheDir is the per-user cache folder.
	CacheDir string
	// WorkDir is the folder where runs would be written.
	WorkDir string
	// Root stands before /proc and the driver's folders; empty on a real machine.
	Root string
}

// Inspect looks at the machine and the installation.
func Inspect(options Options) Report {
	checks := []Check{version(options.Version)}
	libtorch, libraries := libraryChecks(options)
	checks = append(checks, libtorch...)
	checks = append(checks, cuda(options.Root, libraries.Libtorch))
	checks = append(checks, cores(options.Root), memory(options.Root))
	checks = append(checks, disk("disk of the cache", options.CacheDir, cacheNeeds))
	checks = append(checks, disk("disk here", options.WorkDir, runNeeds))
	report := Report{Usable: true, Checks: checks}
	for _, check := range checks {
		if check.Status == Problem {
			report.Usable = false
		}
	}
	return report
}

// version names the program, the commit it was built from and the Go release.
func version(stated string) Check {
	values := map[string]string{"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if stated == "" {
			stated = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				values["commit"] = setting.Value
			}
		}
	}
	values["agiformer"] = stated
	found := stated + ", built with " + runtime.Version() + " for " + values["platform"]
	return Check{Name: "agiformer", Status: OK, Found: found, Values: values}
}
