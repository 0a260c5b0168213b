package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// rememberBytes is the size from which a file's content hash is kept, by
	// name and time stamps, so that it is not read again only to know it.
	rememberBytes = 4 << 20
	// settled is how old a file must be for that: two writes within the
	// resolution of a clock would look alike.
	settled = 2 * time.Second
	// lockPoll is how often a process looks whether another one is done.
	lockPoll = 50 * time.Millisecond
)

// fingerprint is what tells that a file was not written since it was hashed.
type fingerprint struct {
	Size     int64  `json:"size"`
	Modified int64  `json:"modified_ns"`
	Changed  int64  `json:"changed_ns"`
	Inode    uint64 `json:"inode"`
	SHA256   string `json:"sha256"`
}

func fingerprintOf(info fs.FileInfo) fingerprint {
	f := fingerprint{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		f.Changed, f.Inode = s.Ctim.Nano(), s.Ino
	}
	return f
}

// contentHash returns the sha256 of a file, from the notes of an earlier run
// where the file is unchanged. count grows by the file's size.
func contentHash(ctx context.Context, path, cacheDir string, count *atomic.Int64) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("data cannot be read: %w", err)
	}
	now := fingerprintOf(info)
	note := ""
	if now.Size >= rememberBytes {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		name := sha256.Sum256([]byte(abs))
		note = filepath.Join(cacheDir, "hashes", hex.EncodeToString(name[:12])+".json")
		if sum := notedHash(note, now); sum != "" {
			count.Add(now.Size)
			return sum, nil
		}
	}
	if now.SHA256, err = hashFile(ctx, path, count); err != nil {
		return "", err
	}
	if note != "" && time.Since(info.ModTime()) > settled {
		text, err := json.Marshal(now)
		if err != nil {
			return "", err
		}
		if err := writeAside(note, text); err != nil {
			return "", err
		}
	}
	return now.SHA256, nil
}

// notedHash returns the hash in a note that fits the file, else "".
func notedHash(note string, now fingerprint) string {
	var then fingerprint
	text, err := os.ReadFile(note)
	if err != nil || json.Unmarshal(text, &then) != nil {
		return ""
	}
	now.SHA256 = then.SHA256
	if then != now {
		return ""
	}
	return then.SHA256
}

func hashFile(ctx context.Context, path string, count *atomic.Int64) (sum string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("data cannot be read: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	h := sha256.New()
	in := countingReader{file, count}
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if _, err := io.CopyN(h, in, 16<<20); err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		} else if err != nil {
			return "", fmt.Errorf("data cannot be read: %w", err)
		}
	}
}

// writeAside writes a file under another name and renames it.
func writeAside(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// lockShard waits until this process alone may make the shard in dir; the lock
// ends with the process. Where the file system knows no locks it goes on
// without: shards are renamed into place, so double work is all that happens.
func lockShard(ctx context.Context, dir string) (unlock func() error, err error) {
	file, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			// A process that was killed here may have left its work behind.
			return file.Close, removeAll(dir + ".tmp-*")
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK):
			return file.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("%s.lock: %w", dir, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(lockPoll):
		}
	}
}

func removeAll(pattern string) error {
	names, err := filepath.Glob(pattern)
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(name))
	}
	return err
}

// publish renames a finished shard into place; where another process was first
// its shard stays.
func publish(tmp, dir, key string) error {
	err := os.Rename(tmp, dir)
	if err == nil {
		return syncFolder(filepath.Dir(dir))
	}
	if s, openErr := openShard(dir, key); openErr == nil {
		return errors.Join(s.close(), os.RemoveAll(tmp))
	}
	// What is there is not whole: take its place.
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
