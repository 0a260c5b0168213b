// Package archtest checks that the arrows between the packages point one way, as the design draws them:
//
//	cmd -> train -> model -> {experts, memory, perception} -> torch
//
// with config and tokenizer as leaves, C++ behind internal/torch alone, and nothing of libtorch in the packages
// that must start in milliseconds.
package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "agiformer"

// layers orders the packages that do numeric work; each may import only those of lower numbers.
// The longest name that fits a folder counts.
var layers = map[string]int{
	"internal/torch":               1,
	"internal/model/nn":            2, // building blocks that experts and memory share with the model
	"internal/experts":             3,
	"internal/memory":              3,
	"internal/perception":          3,
	"internal/model":               4,
	"internal/model/introspection": 3,
	"internal/generate":            5,
	"internal/train":               6,
	"cmd":                          7,
}

// leaves import no package of this module but those that are named here.
var leaves = map[string][]string{
	"internal/config":    {"internal/exit", "internal/words", "conf"}, // conf embeds the shipped YAML
	"internal/tokenizer": {"internal/exit"},
	"internal/exit":      nil,
	"internal/words":     nil,
}

// light are the packages that must not reach libtorch, not even through others.
var light = []string{"internal/config", "internal/tokenizer", "internal/data", "internal/doctor", "internal/plot", "internal/metrics"}

// doors are the packages that alone may import what no other may.
var doors = map[string]string{
	"C":                                "internal/torch",
	"github.com/wangkuiyi/gotorch":     "internal/torch",
	"github.com/spf13/viper":           "internal/config",
	"github.com/parquet-go/parquet-go": "internal/data",
}

// Check returns a sentence for each import below root that breaks a rule. Test files are held to the rules about C
// and layers' doors too, but may import any package of the module.
func Check(root fs.FS) ([]string, error) {
	imports, err := readImports(root)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, use := range imports {
		if sentence := use.breaks(); sentence != "" {
			found = append(found, sentence)
		}
	}
	return append(found, heavy(imports)...), nil
}

// use is one import in one file.
type use struct {
	file, folder string // of the importing file
	target       string // import path; the folder for packages of this module
	ours, test   bool
}

func readImports(root fs.FS) ([]use, error) {
	var uses []use
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if file != "." && (strings.HasPrefix(name, ".") || slices.Contains([]string{"third_party", "build", "testdata", "outputs", "bin"}, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			target, ours := strings.CutPrefix(target, module+"/")
			uses = append(uses, use{file, path.Dir(file), target, ours, strings.HasSuffix(name, "_test.go")})
		}
		return nil
	})
	return uses, err
}

// breaks returns a sentence when the import itself is against a rule.
func (u use) breaks() string {
	if !u.ours {
		for target, door := range doors {
			if within(u.target, target) && !within(u.folder, door) {
				return fmt.Sprintf("%s imports %q, which only %s may", u.file, u.target, door)
			}
		}
		return ""
	}
	if u.test {
		return ""
	}
	for leaf, allowed := range leaves {
		if within(u.folder, leaf) && !within(u.target, leaf) && !slices.Contains(allowed, u.target) {
			return fmt.Sprintf("%s imports %s, but %s is a leaf", u.file, u.target, leaf)
		}
	}
	from, to := layerOf(u.folder), layerOf(u.target)
	switch {
	case from == to, layers[to] == 0:
		return ""
	case from == "" && to == "cmd", from != "" && layers[to] >= layers[from]:
		return fmt.Sprintf("%s imports %s: the arrow points the wrong way", u.file, u.target)
	}
	return ""
}

// heavy returns a sentence for each light package that reaches internal/torch, with the way there.
func heavy(imports []use) []string {
	edges := map[string][]string{}
	for _, use := range imports {
		if use.ours && !use.test && !slices.Contains(edges[use.folder], use.target) {
			edges[use.folder] = append(edges[use.folder], use.target)
		}
	}
	var found []string
	for folder := range edges {
		if !slices.ContainsFunc(light, func(name string) bool { return within(folder, name) }) {
			continue
		}
		if way := wayToTorch(edges, folder, map[string]bool{}); way != nil {
			found = append(found, fmt.Sprintf("%s must not need libtorch: %s", folder, strings.Join(way, " -> ")))
		}
	}
	slices.Sort(found)
	return found
}

func wayToTorch(edges map[string][]string, folder string, seen map[string]bool) []string {
	if within(folder, "internal/torch") {
		return []string{folder}
	}
	seen[folder] = true
	for _, next := range edges[folder] {
		if seen[next] {
			continue
		}
		if way := wayToTorch(edges, next, seen); way != nil {
			return append([]string{folder}, way...)
		}
	}
	return nil
}

// layerOf returns the name of the layer that a folder belongs to, "" for none.
func layerOf(folder string) string {
	longest := ""
	for name := range layers {
		if within(folder, name) && len(name) > len(longest) {
			longest = name
		}
	}
	return longest
}

// within says whether a path is base or lies below it.
func within(name, base string) bool {
	return name == base || strings.HasPrefix(name, base+"/")
}
