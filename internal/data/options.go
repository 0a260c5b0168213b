package data

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The values of Options.Split: what one document of a plain text file is.
const (
	SplitFile      = "file"
	SplitBlankLine = "blank_line"
	SplitLine      = "line"
)

// The values of Options.OnError.
const (
	OnErrorSkip = "skip" // count what is broken, go on and report it
	OnErrorFail = "fail" // refuse the source at the first problem
)

// Options says what Prepare reads and how it cuts it into documents.
type Options struct {
	// Paths lists files, folders (searched for files of a known kind) and
	// globs (** matches any number of folders).
	Paths []string
	// TextField is the field of JSONL and Parquet records that holds the
	// text; "" means "text".
	TextField string
	// Split is SplitFile, SplitBlankLine or SplitLine; "" means SplitFile.
	Split string
	// MaxDocumentBytes cuts a longer document after the next line end; 0
	// never cuts.
	MaxDocumentBytes int64
	// OnError is OnErrorSkip or OnErrorFail; "" means OnErrorSkip.
	OnError string
	// CacheDir is the program's per-user cache; "" means the system's place
	// for it (DefaultCacheDir).
	CacheDir string
	// Progress, where it is not nil, is called now and then from one
	// goroutine with the bytes of the source files read and to be read.
	Progress func(done, total int64)
}

// DefaultCacheDir returns the program's folder in the user's cache folder.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no per-user cache folder: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "agiformer"), nil
}

// complete fills in the defaults and checks the values.
func (o Options) complete() (Options, error) {
	if len(o.Paths) == 0 {
		return o, fmt.Errorf("no data was given: name a file, a folder or a glob, for training with data.train=PATH")
	}
	if o.TextField == "" {
		o.TextField = "text"
	}
	if o.Split == "" {
		o.Split = SplitFile
	}
	if o.OnError == "" {
		o.OnError = OnErrorSkip
	}
	if err := oneOf("data.split", o.Split, SplitFile, SplitBlankLine, SplitLine); err != nil {
		return o, err
	}
	if err := oneOf("data.on_error", o.OnError, OnErrorSkip, OnErrorFail); err != nil {
		return o, err
	}
	if o.MaxDocumentBytes < 0 {
		return o, fmt.Errorf("data.max_document_bytes is %d, expected a number of bytes >= 0 (0 never cuts)", o.MaxDocumentBytes)
	}
	if o.CacheDir == "" {
		dir, err := DefaultCacheDir()
		if err != nil {
			return o, err
		}
		o.CacheDir = dir
	}
	return o, nil
}

func oneOf(key, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%s is %q, expected %s", key, value, strings.Join(allowed, " or "))
}
