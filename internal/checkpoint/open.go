package checkpoint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Checkpoint is a finished checkpoint whose files were found unaltered.
type Checkpoint struct {
	dir      string
	state    State
	manifest *manifest
}

// Open finds the checkpoint that path means (a checkpoint's folder, a link to
// one, a run folder or its checkpoints folder: then the latest) and compares
// every file with MANIFEST.json. Errors name the folder or the file at fault.
func Open(path string) (*Checkpoint, error) {
	dir, err := Find(path)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	if err := m.verify(dir); err != nil {
		return nil, err
	}
	c := &Checkpoint{dir: dir, manifest: m}
	data, err := os.ReadFile(c.file(StateFile))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &c.state); err != nil {
		return nil, fmt.Errorf("%s: %w", c.file(StateFile), err)
	}
	return c, nil
}

// Find returns the folder of the checkpoint that path means, links resolved.
func Find(path string) (string, error) {
	stat, err := os.Stat(path)
	if os.IsNotExist(err) {
		return "", fmt.Errorf("there is no checkpoint %s: give a run folder or one of the folders in its checkpoints folder", path)
	}
	if err != nil {
		return "", err
	}
	if !stat.IsDir() {
		return "", fmt.Errorf("%s is a file: give a run folder or a checkpoint's folder", path)
	}
	if holdsCheckpointFile(path) {
		return filepath.EvalSymlinks(path)
	}
	for _, folder := range []Folder{RunFolder(path), {Dir: path}} {
		step, found, err := folder.Newest()
		if err != nil {
			return "", err
		}
		if found {
			return filepath.EvalSymlinks(folder.Path(step))
		}
	}
	return "", fmt.Errorf("%s holds no finished checkpoint: give a run folder or a checkpoint's folder", path)
}

// holdsCheckpointFile tells a checkpoint's folder, even a damaged one, from a
// run folder.
func holdsCheckpointFile(dir string) bool {
	for _, name := range []string{ManifestFile, ModelFile, StateFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Dir returns the checkpoint's folder.
func (c *Checkpoint) Dir() string { return c.dir }

// State returns state.json.
func (c *Checkpoint) State() State { return c.state }

// ConfigYAML returns the resolved configuration the run had.
func (c *Checkpoint) ConfigYAML() ([]byte, error) { return os.ReadFile(c.file(ConfigFile)) }

// TokenizerJSON returns tokenizer.json.
func (c *Checkpoint) TokenizerJSON() ([]byte, error) { return os.ReadFile(c.file(TokenizerFile)) }

// Has says whether the checkpoint has the file.
func (c *Checkpoint) Has(name string) bool {
	_, ok := c.manifest.Files[name]
	return ok
}

// OpenTensors opens one of the tensor files.
func (c *Checkpoint) OpenTensors(name string) (*File, error) {
	if !c.Has(name) {
		return nil, fmt.Errorf("the checkpoint %s has no %s", c.dir, name)
	}
	return OpenFile(c.file(name))
}

func (c *Checkpoint) file(name string) string { return filepath.Join(c.dir, name) }
