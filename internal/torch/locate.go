package torch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"agiformer/internal/exit"
)

// wantedVersion is the libtorch that the C++ side is built for.
const wantedVersion = "2.11.0"

// Libraries says which shared libraries a run would load.
type Libraries struct {
	Torch     string // folder of libtorch_cpu.so
	Source    string // why that folder: "LIBTORCH", "beside the program", "cache", ...
	CUDA      string // path of libtorch_cuda.so, "" where the folder has none
	Agiformer string // path of libagiformer_torch.so
	GoTorch   string // path of libcgotorch.so
}

type place struct{ dir, source string }

// Locate finds the libraries without loading them. The error says what is
// missing, where it was looked for, and what to do; a LIBTORCH or
// AGIFORMER_LIB that names none is the user's to mend (exit code 2).
func Locate() (Libraries, error) {
	torch, err := locateTorch()
	if err != nil {
		return Libraries{}, err
	}
	found := Libraries{Torch: torch.dir, Source: torch.source}
	if path := filepath.Join(torch.dir, "libtorch_cuda.so"); exists(path) {
		found.CUDA = path
	}
	if found.Agiformer, err = locateOwn("libagiformer_torch.so"); err != nil {
		return found, err
	}
	found.GoTorch, err = locateOwn("libcgotorch.so")
	return found, err
}

// locateTorch goes through the places where libtorch may lie.
func locateTorch() (place, error) {
	if dir := os.Getenv("LIBTORCH"); dir != "" {
		for _, d := range []string{filepath.Join(dir, "lib"), dir} {
			if exists(filepath.Join(d, "libtorch_cpu.so")) {
				return place{d, "LIBTORCH"}, nil
			}
		}
		return place{}, exit.Usage(fmt.Errorf("LIBTORCH is %q, but %s is not there: point it at an unpacked libtorch %s or a Python torch folder, or unset it",
			dir, filepath.Join(dir, "lib", "libtorch_cpu.so"), wantedVersion))
	}
	places := torchPlaces()
	for _, p := range places {
		if exists(filepath.Join(p.dir, "libtorch_cpu.so")) {
			return p, nil
		}
	}
	if dir := pythonTorch(); dir != "" {
		return place{dir, "Python's torch folder"}, nil
	}
	return place{}, fmt.Errorf("libtorch %s was not found (looked in %s and in Python's torch folder): %s",
		wantedVersion, strings.Join(searched(places), ", "), torchMend)
}

// torchMend is what brings a libtorch to an installed program and to a clone.
const torchMend = "set LIBTORCH=DIR to an unpacked libtorch " + wantedVersion + " or a Python torch folder, or run make libs in a clone, which fetches one into the cache"

// searched lists the folders of places once each, and what would be looked for
// in the cache where it holds no libtorch yet.
func searched(places []place) []string {
	var dirs []string
	for _, p := range places {
		if !slices.Contains(dirs, p.dir) {
			dirs = append(dirs, p.dir)
		}
	}
	if cache := cacheDir(); cache != "" && !slices.ContainsFunc(places, func(p place) bool { return p.source == cacheSource }) {
		dirs = append(dirs, filepath.Join(cache, cacheFolders, "lib"))
	}
	return dirs
}

// How the cache's folders are called, of libtorch and in Libraries.Source.
const (
	cacheFolders = "libtorch-" + wantedVersion + "-*"
	cacheSource  = "the cache"
)

func torchPlaces() []place {
	var places []place
	if dir := programDir(); dir != "" {
		places = append(places,
			place{filepath.Join(dir, "lib"), "beside the program"},
			place{filepath.Join(dir, "..", "lib", "agiformer"), "the install"},
			place{filepath.Join(dir, "..", "third_party", "libtorch", "lib"), "the checkout"})
	}
	if root := checkout(); root != "" {
		places = append(places, place{filepath.Join(root, "third_party", "libtorch", "lib"), "the checkout"})
	}
	if cache := cacheDir(); cache != "" {
		for _, dir := range newestFirst(filepath.Join(cache, cacheFolders)) {
			places = append(places, place{filepath.Join(dir, "lib"), cacheSource})
		}
	}
	return places
}

// locateOwn finds one of the two small libraries that come with the program.
func locateOwn(name string) (string, error) {
	var dirs []string
	if dir := os.Getenv("AGIFORMER_LIB"); dir != "" {
		if path := filepath.Join(dir, name); exists(path) {
			return path, nil
		}
		return "", exit.Usage(fmt.Errorf("AGIFORMER_LIB is %q, but %s was not found there: point it at the folder that holds it, or unset it and run make build in a clone or make install for an installed copy", dir, name))
	}
	if dir := programDir(); dir != "" {
		dirs = append(dirs, filepath.Join(dir, "lib"), filepath.Join(dir, "..", "lib", "agiformer"), dir)
	}
	if root := checkout(); root != "" {
		dirs = append(dirs, filepath.Join(root, "build", "lib"))
	}
	if cache := cacheDir(); cache != "" {
		dirs = append(dirs, filepath.Join(cache, "lib"))
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); exists(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s was not found (looked in %s): run make build in a clone or make install for an installed copy, or set AGIFORMER_LIB=DIR to the folder that holds it",
		name, strings.Join(dirs, ", "))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// programDir is the folder of the running program, links resolved.
func programDir() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return filepath.Dir(exe)
}

// checkout walks up from the working directory to this module's go.mod: that is
// where `go test` and `go run` find what make built.
func checkout() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if raw, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(raw), "module agiformer\n") {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func cacheDir() string {
	base := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(base) { // unset, or relative, which the XDG specification says to ignore
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "agiformer")
}

// newestFirst lists the folders that match, by time of change.
func newestFirst(pattern string) []string {
	dirs, _ := filepath.Glob(pattern)
	changed := func(dir string) int64 {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() {
			return 0
		}
		return info.ModTime().UnixNano()
	}
	sort.Slice(dirs, func(i, j int) bool { return changed(dirs[i]) > changed(dirs[j]) })
	return dirs
}

// pythonTorch asks Python where its torch package lies, without importing it.
func pythonTorch() string {
	const question = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
	out, err := exec.Command("python3", "-c", question).Output()
	if err != nil {
		return ""
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "lib")
	if !filepath.IsAbs(dir) || !exists(filepath.Join(dir, "libtorch_cpu.so")) {
		return ""
	}
	return dir
}
