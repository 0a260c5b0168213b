package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"agiformer/internal/config/hydra"
)

// Tree is a composed configuration, every interpolation resolved.
type Tree = hydra.Tree

// Options say what to compose.
type Options struct {
	// Dir is the folder of the configuration tree; empty takes Builtin.
	Dir string
	// Builtin is the tree that the binary carries.
	Builtin fs.FS
	// Name is the primary configuration; empty is "config".
	Name string
	// Overrides are the command line's, in Hydra's syntax.
	Overrides []string
	// Now is the time that ${now:...} shows; zero is the current time.
	Now time.Time
	// Warn takes one-sentence warnings; nil drops them.
	Warn func(string)
}

// Compose composes and resolves a configuration. Values that are still ???
// stay so. Every error is the user's to mend and names the file and line or
// the override.
func Compose(opts Options) (*Tree, error) {
	h, err := opts.hydra()
	if err != nil {
		return nil, err
	}
	return hydra.Compose(h)
}

// Group is a folder of options that override one another.
type Group = hydra.Group

// Groups lists the groups of a configuration tree.
func Groups(opts Options) ([]Group, error) {
	h, err := opts.hydra()
	if err != nil {
		return nil, err
	}
	return hydra.Groups(h.Files, h.Shown), nil
}

// ReadFile reads a resolved configuration, such as the config.yaml of a run or
// of a checkpoint. ${...} in it is plain text.
func ReadFile(path string) (*Tree, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return hydra.Read(data, path)
}

func (o Options) hydra() (hydra.Options, error) {
	h := hydra.Options{Files: o.Builtin, Shown: "(built-in conf)", Name: o.Name, Overrides: o.Overrides, Now: o.Now, Warn: o.Warn}
	if h.Name == "" {
		h.Name = "config"
	}
	if o.Dir != "" {
		info, err := os.Stat(o.Dir)
		if err != nil || !info.IsDir() {
			return h, fmt.Errorf("the configuration folder '%s' does not exist: give one with --config-dir", o.Dir)
		}
		h.Files, h.Shown = os.DirFS(o.Dir), filepath.ToSlash(o.Dir)
	}
	if h.Files == nil {
		return h, fmt.Errorf("no configuration folder was found: give one with --config-dir")
	}
	return h, nil
}

// FindDir returns the folder of the configuration tree: the wanted one where
// it is not empty, else ./conf, else conf or share/agiformer/conf beside the
// binary's folder, each where it holds a config.yaml; else "", which stands
// for the tree that the binary carries.
func FindDir(wanted string) string {
	if wanted != "" {
		return wanted
	}
	candidates := []string{"conf"}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		up := filepath.Dir(filepath.Dir(exe))
		candidates = append(candidates, filepath.Join(up, "conf"), filepath.Join(up, "share", "agiformer", "conf"))
	}
	for _, dir := range candidates {
		if info, err := os.Stat(filepath.Join(dir, "config.yaml")); err == nil && !info.IsDir() {
			return dir
		}
	}
	return ""
}
