package data

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"agiformer/internal/tokenizer"
)

// EachText calls f with the text of opts.Paths, piece by piece and in order; a
// piece ends with a line or its document. f must not keep it. Nothing is
// cached. The report counts files, documents, bytes and what was wrong with
// them; it counts no tokens.
func EachText(ctx context.Context, opts Options, f func(text []byte)) (report *Report, err error) {
	opts, err = opts.complete()
	if err != nil {
		return nil, err
	}
	files, err := findFiles(opts.Paths)
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "agiformer-") // for what Parquet unpacks
	if err != nil {
		return nil, fmt.Errorf("a folder for temporary files cannot be made: %w; set TMPDIR to a folder that can be written", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	p := &preparer{ctx: ctx, opts: opts, passes: 1}
	stop := p.reportProgress(files)
	defer stop()
	listener := &listener{Tokenizer: tokenizer.NewByte(), f: f}
	b := &documentBuilder{
		tok: listener, out: listener, problems: newTally(),
		maxBytes: opts.MaxDocumentBytes, strict: opts.OnError == OnErrorFail,
	}
	for i, file := range files {
		b.file = i
		err := p.readFile(file, tmp, b)
		if b.refused() {
			err = b.problems.refuse(files)
		}
		if err != nil {
			return nil, explain(err)
		}
	}
	report = &Report{Files: len(files), Documents: listener.documents, Bytes: listener.bytes, SourceBytes: p.read.Load()}
	report.merge(b.problems, files)
	if listener.documents == 0 {
		return nil, fmt.Errorf("no text was found in %s", strings.Join(opts.Paths, ", "))
	}
	return report, nil
}

// listener stands where a tokenizer and a shard stand while documents are
// read, and passes their text on.
type listener struct {
	tokenizer.Tokenizer
	f         func(text []byte)
	open      int64 // bytes of the document that is open
	documents int64
	bytes     int64
}

// AppendEncode passes text on and gives no ids.
func (l *listener) AppendEncode(dst []int32, text []byte) []int32 {
	l.f(text)
	l.open += int64(len(text))
	return dst
}

// Removed returns 0: nothing is left out.
func (l *listener) Removed([]byte) int { return 0 }

func (l *listener) writeTokens([]int32) error { return nil }
func (l *listener) openTokens() int64         { return l.open }

func (l *listener) endDocument(bytes int64, _ uint64) error {
	l.bytes += bytes
	l.open = 0
	l.documents++
	return nil
}

// SourceHash identifies the contents of opts.Paths and how they are read into
// documents. It also returns the cache folder that the options mean.
func SourceHash(ctx context.Context, opts Options) (hash, cacheDir string, err error) {
	opts, err = opts.complete()
	if err != nil {
		return "", "", err
	}
	files, err := findFiles(opts.Paths)
	if err != nil {
		return "", "", err
	}
	p := &preparer{ctx: ctx, opts: opts, tok: tokenizer.NewByte(), dir: filepath.Join(opts.CacheDir, "data"), passes: 1}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return "", "", fmt.Errorf("the data cache cannot be made: %w; set XDG_CACHE_HOME to a folder that can be written", err)
	}
	hash, err = p.key(files)
	return hash, opts.CacheDir, err
}
