package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Snapshot is what one checkpoint holds.
type Snapshot struct {
	Model     []Entry
	Optimizer []Entry
	Streams   []Entry
	State     State
	Config    []byte // resolved configuration, YAML
	Tokenizer []byte // JSON
}

// asideSuffix marks a folder that is being written or thrown away; a leftover
// of a killed process is recognised by it and removed.
const asideSuffix = ".aside"

// Save writes a checkpoint to the folder dir, which is replaced if it exists.
// Everything is written to a folder beside it, synced, and renamed at the end,
// so whatever happens in between, dir is the old checkpoint, or absent, or the
// new one, whole.
func Save(dir string, s Snapshot) (err error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	aside := filepath.Join(parent, "."+filepath.Base(dir)+asideSuffix)
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("saving the checkpoint %s: %w", dir, errors.Join(err, os.RemoveAll(aside)))
		}
	}()
	if err := os.Mkdir(aside, 0o777); err != nil {
		return err
	}
	if err := writeFiles(aside, s); err != nil {
		return err
	}
	if err := syncDir(aside); err != nil {
		return err
	}
	return replace(aside, dir)
}

// writeFiles writes the snapshot's files, the manifest last.
func writeFiles(dir string, s Snapshot) error {
	state, err := json.MarshalIndent(s.State, "", "  ")
	if err != nil {
		return err
	}
	files := []struct {
		name  string
		write func(io.Writer) error
	}{
		{ModelFile, func(w io.Writer) error { return WriteTensors(w, s.Model) }},
		{OptimizerFile, func(w io.Writer) error { return WriteTensors(w, s.Optimizer) }},
		{StreamsFile, func(w io.Writer) error { return WriteTensors(w, s.Streams) }},
		{StateFile, writeBytes(append(state, '\n'))},
		{ConfigFile, writeBytes(s.Config)},
		{TokenizerFile, writeBytes(s.Tokenizer)},
	}
	m := manifest{Format: manifestFormat, Files: map[string]fileRecord{}}
	for _, f := range files {
		record, err := writeFile(filepath.Join(dir, f.name), f.write)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		m.Files[f.name] = record
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	_, err = writeFile(filepath.Join(dir, ManifestFile), writeBytes(append(data, '\n')))
	return err
}

func writeBytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// writeFile writes and syncs one file and returns its size and hash, which are
// taken while it is written.
func writeFile(path string, write func(io.Writer) error) (fileRecord, error) {
	f, err := os.Create(path)
	if err != nil {
		return fileRecord{}, err
	}
	sum := sha256.New()
	err = writeBuffered(io.MultiWriter(f, sum), write)
	if err == nil {
		err = f.Sync()
	}
	size, seekErr := f.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seekErr, f.Close()); err != nil {
		return fileRecord{}, err
	}
	return fileRecord{Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// replace gives the folder from the name to. Where a folder of that name
// exists, the two change places in one step and the older one is removed.
func replace(from, to string) error {
	old := from // what the older one is called afterwards
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	switch {
	case errors.Is(err, unix.ENOENT): // there is no older one
		err = os.Rename(from, to)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS): // a file system or kernel without exchange
		old = from + asideSuffix
		if err = errors.Join(os.RemoveAll(old), os.Rename(to, old)); err == nil {
			err = os.Rename(from, to)
		}
	}
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
