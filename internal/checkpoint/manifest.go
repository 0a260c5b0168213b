package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
)

// The files of a checkpoint.
const (
	ModelFile     = "model.safetensors"
	OptimizerFile = "optimizer.safetensors"
	StreamsFile   = "streams.safetensors"
	StateFile     = "state.json"
	ConfigFile    = "config.yaml"
	TokenizerFile = "tokenizer.json"
	ManifestFile  = "MANIFEST.json"
)

// manifestFormat is the version of the folder's layout.
const manifestFormat = 1

// manifest is the content of MANIFEST.json.
type manifest struct {
	Format int                   `json:"format"`
	Files  map[string]fileRecord `json:"files"`
}

// fileRecord is what a file must still be.
type fileRecord struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func readManifest(dir string) (*manifest, error) {
	path := filepath.Join(dir, ManifestFile)
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%s has no %s, so the checkpoint is not whole: name another one", dir, ManifestFile)
	}
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil || m.Files == nil {
		return nil, fmt.Errorf("%s is altered or truncated: it is not the JSON that a checkpoint's manifest is", path)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("%s has format %d, this program reads format %d", path, m.Format, manifestFormat)
	}
	for _, name := range []string{ModelFile, StateFile, ConfigFile, TokenizerFile} {
		if _, ok := m.Files[name]; !ok {
			return nil, fmt.Errorf("%s lists no %s, so the checkpoint is not whole: name another one", path, name)
		}
	}
	return &m, nil
}

// verify compares every file with its record, sizes first since they cost
// nothing, and names the first one (in order of names) that differs.
func (m *manifest) verify(dir string) error {
	names := make([]string, 0, len(m.Files))
	for name := range m.Files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		path := filepath.Join(dir, name)
		stat, err := os.Stat(path)
		if os.IsNotExist(err) {
			return fmt.Errorf("%s is missing though %s lists it: the checkpoint is damaged, name another one", path, ManifestFile)
		}
		if err != nil {
			return err
		}
		if want := m.Files[name].Bytes; stat.Size() != want {
			return fmt.Errorf("%s has %d bytes, %s says %d: the file is truncated or altered, name another checkpoint", path, stat.Size(), ManifestFile, want)
		}
	}
	return m.verifyHashes(dir, names)
}

// verifyHashes hashes the files side by side, for a second saved at start-up.
func (m *manifest) verifyHashes(dir string, names []string) error {
	errs := make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() {
			path := filepath.Join(dir, name)
			sum, err := hashFile(path)
			if err == nil && sum != m.Files[name].SHA256 {
				err = fmt.Errorf("%s does not have the SHA-256 that %s says: the file is altered, name another checkpoint", path, ManifestFile)
			}
			errs[i] = err
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, f, make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
