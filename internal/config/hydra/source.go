package hydra

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// source reads a configuration tree's files, each once.
type source struct {
	files  fs.FS
	shown  string // the folder's name in messages
	warn   func(string)
	loaded map[string]*configFile
}

// configFile is one file: its keys without the defaults list.
type configFile struct {
	name     string // shown in messages
	root     *Node  // a map, or a list
	defaults []*defaultItem
	header   *string // of "# @package NAME"
}

func newSource(files fs.FS, shown string, warn func(string)) *source {
	if warn == nil {
		warn = func(string) {}
	}
	return &source{files: files, shown: shown, warn: warn, loaded: map[string]*configFile{}}
}

// inside returns the path within the tree, ok false for one that leads out.
func inside(name string) (string, bool) {
	p := path.Clean("./" + name)
	return p, fs.ValidPath(p)
}

func fileName(config string) string {
	if strings.HasSuffix(config, ".yaml") {
		return config
	}
	return config + ".yaml"
}

// isGroup tells whether a folder of options has this name.
func (s *source) isGroup(name string) bool {
	p, ok := inside(name)
	if !ok {
		return false
	}
	info, err := fs.Stat(s.files, p)
	return err == nil && info.IsDir()
}

// exists tells whether a configuration file has this name.
func (s *source) exists(config string) bool {
	p, ok := inside(fileName(config))
	if !ok || strings.HasSuffix(config, "/") {
		return false
	}
	info, err := fs.Stat(s.files, p)
	return err == nil && !info.IsDir()
}

// options lists a group's options.
func (s *source) options(group string) []string {
	p, ok := inside(group)
	if !ok {
		return nil
	}
	files, err := fs.ReadDir(s.files, p)
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range files {
		if name, yes := strings.CutSuffix(f.Name(), ".yaml"); yes && s.exists(path.Join(group, name)) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// groups lists every folder that holds options, by its path.
func (s *source) groups() []string {
	var names []string
	_ = fs.WalkDir(s.files, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && p != "." && len(s.options(p)) > 0 {
			names = append(names, p)
		}
		return nil
	})
	return names
}

// load reads a configuration file; nil where there is none.
func (s *source) load(config string) (*configFile, error) {
	if f, done := s.loaded[config]; done {
		return f, nil
	}
	if !s.exists(config) {
		s.loaded[config] = nil
		return nil, nil
	}
	p, _ := inside(fileName(config))
	data, err := fs.ReadFile(s.files, p)
	shown := path.Join(s.shown, p)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("cannot read %s: %w", shown, err)
	}
	f := &configFile{name: shown}
	if f.header, err = packageHeader(string(data), shown); err != nil {
		return nil, err
	}
	if f.header == nil {
		s.warnLateHeader(string(data), shown)
	}
	if f.root, err = (&yamlReader{name: shown, warn: s.warn}).read(data); err != nil {
		return nil, err
	}
	if f.defaults, err = defaultsOf(f.root, shown); err != nil {
		return nil, err
	}
	s.dropHydra(f)
	s.loaded[config] = f
	return f, nil
}

// dropHydra leaves out what a file says to Hydra itself: its groups hydra/...
// and, at the top, its key hydra.
func (s *source) dropHydra(f *configFile) {
	kept := f.defaults[:0]
	for _, d := range f.defaults {
		if d.isGroup && strings.HasPrefix(strings.TrimPrefix(d.path, "/"), "hydra/") {
			s.warn(fmt.Sprintf("%s:%d: '%s' is for Hydra itself and has no effect here", f.name, d.line, d.path))
			continue
		}
		kept = append(kept, d)
	}
	f.defaults = kept
}

// warnLateHeader points out a package header that does not count.
func (s *source) warnLateHeader(text, shown string) {
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(strings.TrimLeft(strings.TrimSpace(line), "#"))
		if strings.HasPrefix(strings.TrimSpace(line), "#") && len(words) == 2 && words[0] == "@package" {
			s.warn(fmt.Sprintf("%s:%d: '%s' has no effect: only blank lines and other '# @' lines may stand above it", shown, i+1, strings.TrimSpace(line)))
		}
	}
}

// headerBytes is how far into a file Hydra looks for its header.
const headerBytes = 512

// packageHeader reads "# @package NAME", which counts only with nothing but
// blank lines and other "# @KEY VALUE" lines above it.
func packageHeader(text, shown string) (*string, error) {
	if runes := []rune(text); len(runes) > headerBytes {
		text = string(runes[:headerBytes])
	}
	var pkg *string
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if !strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(line, "#")), "@") || line[0] != '#' {
			break
		}
		words := strings.Fields(strings.TrimLeft(line, "#"))
		if len(words) != 2 {
			return nil, fmt.Errorf("%s:%d: the header '%s' must be '# @KEY VALUE'", shown, i+1, line)
		}
		if words[0] == "@package" {
			pkg = &words[1]
		}
	}
	return pkg, nil
}
