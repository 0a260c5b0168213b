package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"agiformer/internal/tokenizer"
)

// Prepare returns the dataset of opts.Paths, tokenised by tok: shards that are
// in the cache for the same contents and settings are used, others are made.
// Several processes may do so at once. The report says what was found; under
// OnErrorFail the first problem is the error instead. Errors are sentences for
// the user.
func Prepare(ctx context.Context, opts Options, tok tokenizer.Tokenizer) (*Dataset, *Report, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, nil, err
	}
	files, err := findFiles(opts.Paths)
	if err != nil {
		return nil, nil, err
	}
	p := &preparer{ctx: ctx, opts: opts, tok: tok, dir: filepath.Join(opts.CacheDir, "data"), passes: 2}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("the data cache cannot be made: %w; set XDG_CACHE_HOME to a folder that can be written", err)
	}
	stop := p.reportProgress(files)
	shards, report, err := p.shards(files)
	stop()
	if err == nil && report.Documents == 0 {
		err = nothingFound(opts, report)
	}
	if err != nil {
		return nil, nil, errors.Join(err, closeShards(shards))
	}
	return newDataset(shards, tok), report, nil
}

func nothingFound(opts Options, report *Report) error {
	text := "no text was found in " + strings.Join(opts.Paths, ", ")
	if sentences := report.Sentences(); len(sentences) > 0 {
		text += ": " + strings.Join(sentences, "; ")
	}
	return errors.New(text)
}

// preparer makes the shards of one Prepare.
type preparer struct {
	ctx  context.Context
	opts Options
	tok  tokenizer.Tokenizer
	dir  string
	// read counts bytes of source files. passes is how often every file is
	// read: to hash it and to tokenise it.
	read   atomic.Int64
	passes int64
}

// shards opens or makes the shards of files, in order.
func (p *preparer) shards(files []sourceFile) ([]*shard, *Report, error) {
	report := &Report{Files: len(files), Cached: true}
	var shards []*shard
	for _, group := range groupFiles(files) {
		s, cached, err := p.shard(group)
		if err != nil {
			return shards, nil, explain(err)
		}
		shards = append(shards, s)
		if p.opts.OnError == OnErrorFail {
			if err := s.meta.Problems.refuse(group); err != nil {
				return shards, nil, err
			}
		}
		report.Cached = report.Cached && cached
		report.Documents += s.meta.Documents
		report.Bytes += s.meta.Bytes
		report.Tokens += s.meta.Tokens
		report.Folders = append(report.Folders, s.dir)
		report.merge(s.meta.Problems, group)
		for _, f := range group {
			report.SourceBytes += f.size
		}
	}
	return shards, report, nil
}

// explain says what to do about a full disk.
func explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is full: %w; free some space or set XDG_CACHE_HOME to a larger disk", err)
	}
	return err
}

// key identifies a shard: everything that its contents depend on.
func (p *preparer) key(files []sourceFile) (string, error) {
	h := sha256.New()
	add := func(parts ...string) {
		for _, s := range parts {
			h.Write([]byte(strconv.Quote(s)))
		}
		h.Write([]byte{'\n'})
	}
	add("shard", strconv.Itoa(shardVersion), p.tok.Hash(), strconv.FormatInt(p.opts.MaxDocumentBytes, 10))
	for _, f := range files {
		sum, err := contentHash(p.ctx, f.path, p.dir, &p.read)
		if err != nil {
			return "", err
		}
		setting := p.opts.TextField
		if f.format == formatText {
			setting = p.opts.Split
		}
		add(string(f.format), string(f.compression), setting, sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// shard returns the shard of files; cached says that it was there.
func (p *preparer) shard(files []sourceFile) (s *shard, cached bool, err error) {
	key, err := p.key(files)
	if err != nil {
		return nil, false, err
	}
	dir := filepath.Join(p.dir, key[:24])
	if s, err := openShard(dir, key); err == nil {
		p.countRead(files)
		return s, true, nil
	}
	unlock, err := lockShard(p.ctx, dir)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if s, err := openShard(dir, key); err == nil { // another process made it
		p.countRead(files)
		return s, true, nil
	}
	tmp, err := os.MkdirTemp(p.dir, filepath.Base(dir)+".tmp-")
	if err != nil {
		return nil, false, err
	}
	if err := p.write(files, tmp, key); err != nil {
		return nil, false, errors.Join(err, os.RemoveAll(tmp))
	}
	if err := publish(tmp, dir, key); err != nil {
		return nil, false, err
	}
	s, err = openShard(dir, key)
	return s, false, err
}

func (p *preparer) countRead(files []sourceFile) {
	for _, f := range files {
		p.read.Add(f.size)
	}
}

// write tokenises files into a shard in the folder tmp.
func (p *preparer) write(files []sourceFile, tmp, key string) error {
	problems := newTally()
	out, err := newShardWriter(tmp, shardMeta{
		Version: shardVersion, Key: key, Tokenizer: p.tok.Hash(), Width: idWidth(p.tok.VocabSize()), Problems: problems,
	})
	if err != nil {
		return err
	}
	b := &documentBuilder{
		tok: p.tok, out: out, problems: problems,
		maxBytes: p.opts.MaxDocumentBytes, strict: p.opts.OnError == OnErrorFail,
	}
	for i, f := range files {
		b.file = i
		err := p.readFile(f, tmp, b)
		if b.refused() {
			err = problems.refuse(files)
		}
		if err != nil {
			return errors.Join(err, out.close())
		}
	}
	return out.finish()
}

// readFile reads the documents of one file and checks that it stayed the same
// meanwhile.
func (p *preparer) readFile(f sourceFile, tmp string, b *documentBuilder) error {
	if f.size == 0 {
		b.problem(EmptyFile, "the file is empty")
		return nil
	}
	before, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("data cannot be read: %w", err)
	}
	if f.format == formatParquet {
		err = readParquet(p.ctx, f, p.opts.TextField, tmp, &p.read, b)
	} else {
		err = p.readStream(f, b)
	}
	var broken *brokenError
	if errors.As(err, &broken) {
		b.problem(broken.kind, "the file %s", broken.reason)
		err = nil
	}
	if err != nil {
		return err
	}
	after, err := os.Stat(f.path)
	if err != nil || fingerprintOf(before) != fingerprintOf(after) {
		return fmt.Errorf("%s changed while it was read: start again when it is complete", f.path)
	}
	return nil
}

func (p *preparer) readStream(f sourceFile, b *documentBuilder) (err error) {
	in, err := unpacked(f, &p.read)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	stream := &stoppableReader{p.ctx, in, b}
	if f.format == formatJSONL {
		return readJSONL(stream, p.opts.TextField, b)
	}
	return readText(stream, p.opts.Split, b)
}
