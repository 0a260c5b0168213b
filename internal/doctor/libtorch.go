package doctor

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// WantedLibtorch is the release that this program is built for: another one has other symbols.
const WantedLibtorch = "2.11.0"

const fetchMend = "run scripts/fetch_libtorch.sh in the project's folder, or set LIBTORCH to a libtorch " + WantedLibtorch

// libraryChecks reports on libtorch and on our two small libraries; the libraries are returned for later checks.
func libraryChecks(options Options) ([]Check, Libraries) {
	libraries, err := options.Locate()
	checks := []Check{libtorchCheck(libraries, err)}
	if libraries.Libtorch == "" {
		return checks, libraries // Locate looks for ours only after libtorch
	}
	checks = append(checks, smallCheck(libraries, err))
	if options.Load == nil {
		return checks, libraries
	}
	loaded, err := options.Load()
	check := Check{Name: "loading", Status: OK, Found: "libtorch " + loaded}
	if err != nil {
		check = Check{Name: "loading", Status: Problem, Found: err.Error(), Mend: "make build in the project's folder builds the libraries again"}
	}
	return append(checks, check), libraries
}

func libtorchCheck(libraries Libraries, err error) Check {
	check := Check{Name: "libtorch", Status: OK}
	if libraries.Libtorch == "" {
		check.Status, check.Found, check.Mend = Problem, "not found", fetchMend
		if err != nil {
			check.Mend = err.Error()
		}
		return check
	}
	release := LibtorchVersion(libraries.Libtorch)
	check.Values = map[string]string{"version": release, "folder": libraries.Libtorch, "source": libraries.Source}
	check.Found = release + " in " + libraries.Libtorch
	if libraries.Source != "" {
		check.Found += " (" + libraries.Source + ")"
	}
	switch number, _, _ := strings.Cut(release, "+"); number {
	case WantedLibtorch:
	case "":
		check.Status = Warning
		check.Found = "of unknown version in " + libraries.Libtorch
		check.Mend = "make sure that it is libtorch " + WantedLibtorch
	default:
		check.Status, check.Mend = Problem, fetchMend
	}
	return check
}

func smallCheck(libraries Libraries, err error) Check {
	check := Check{Name: "our libraries", Status: OK}
	var missing []string
	if libraries.Cgotorch == "" {
		missing = append(missing, "libcgotorch.so")
	}
	if libraries.Agiformer == "" {
		missing = append(missing, "libagiformer_torch.so")
	}
	if len(missing) > 0 {
		check.Status = Problem
		check.Found = strings.Join(missing, " and ") + " not found"
		check.Mend = "run make build in the project's folder, or set AGIFORMER_LIB to the folder that holds them"
		if err != nil {
			check.Mend = err.Error()
		}
		return check
	}
	check.Found = libraries.Cgotorch + ", " + libraries.Agiformer
	check.Values = map[string]string{"cgotorch": libraries.Cgotorch, "agiformer": libraries.Agiformer}
	return check
}

var (
	headerNumber  = regexp.MustCompile(`(?m)^#define TORCH_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)`)
	pythonVersion = regexp.MustCompile(`(?m)^__version__ = '([^']+)'`)
)

// LibtorchVersion reads the release of the libtorch whose libraries lie in folder from the files beside it:
// build-version of the official zip, version.py of a Python environment, or the headers. Empty when none says.
func LibtorchVersion(folder string) string {
	base := filepath.Dir(folder)
	if text, err := os.ReadFile(filepath.Join(base, "build-version")); err == nil {
		return strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile(filepath.Join(base, "version.py")); err == nil {
		if match := pythonVersion.FindSubmatch(text); match != nil {
			return string(match[1])
		}
	}
	text, err := os.ReadFile(filepath.Join(base, "include", "torch", "headeronly", "version.h"))
	if err != nil {
		return ""
	}
	var numbers []string
	for _, match := range headerNumber.FindAllSubmatch(text, 3) {
		numbers = append(numbers, string(match[1]))
	}
	return strings.Join(numbers, ".")
}
