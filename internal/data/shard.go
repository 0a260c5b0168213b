package data

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A shard is a folder in the cache with three files, little-endian:
//
//	tokens.bin     the ids of all documents, `width` bytes each, end-of-document
//	               ids left out
//	documents.bin  a record of 24 bytes a document (offset of its first token,
//	               bytes of its text, hash of its text), and a last one that
//	               holds the number of tokens as offset
//	shard.json     shardMeta, written last
const (
	tokensName    = "tokens.bin"
	documentsName = "documents.bin"
	metaName      = "shard.json"
	recordSize    = 24
	shardVersion  = 1
)

// record describes one document of a shard.
type record struct {
	offset int64 // of its first token in the shard
	bytes  int64 // of its text
	hash   uint64
}

func (r record) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.offset))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.bytes))
	return binary.LittleEndian.AppendUint64(dst, r.hash)
}

func parseRecord(b []byte) record {
	return record{
		offset: int64(binary.LittleEndian.Uint64(b)),
		bytes:  int64(binary.LittleEndian.Uint64(b[8:])),
		hash:   binary.LittleEndian.Uint64(b[16:]),
	}
}

// shardMeta is what shard.json holds.
type shardMeta struct {
	Version   int    `json:"version"`
	Key       string `json:"key"`
	Tokenizer string `json:"tokenizer"`
	Width     int    `json:"width"` // bytes an id: 1, 2 or 4
	Documents int64  `json:"documents"`
	Tokens    int64  `json:"tokens"`
	Bytes     int64  `json:"bytes"`
	Problems  tally  `json:"problems"`
}

// idWidth returns how many bytes hold any id of a vocabulary.
func idWidth(vocab int) int {
	switch {
	case vocab <= 1<<8:
		return 1
	case vocab <= 1<<16:
		return 2
	default:
		return 4
	}
}

// appendIDs appends ids, width bytes each, to dst.
func appendIDs(dst []byte, ids []int32, width int) []byte {
	switch width {
	case 1:
		for _, id := range ids {
			dst = append(dst, byte(id))
		}
	case 2:
		for _, id := range ids {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(id))
		}
	default:
		for _, id := range ids {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(id))
		}
	}
	return dst
}

// parseIDs reads len(dst) ids of width bytes each from src.
func parseIDs(dst []int32, src []byte, width int) {
	switch width {
	case 1:
		for i := range dst {
			dst[i] = int32(src[i])
		}
	case 2:
		for i := range dst {
			dst[i] = int32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	default:
		for i := range dst {
			dst[i] = int32(binary.LittleEndian.Uint32(src[4*i:]))
		}
	}
}

// shardWriter writes a shard into a folder.
type shardWriter struct {
	dir               string
	tokens, documents *os.File
	tokenBuffer       *bufio.Writer
	recordBuffer      *bufio.Writer
	scratch           []byte
	start             int64 // offset of the open document
	meta              shardMeta
}

func newShardWriter(dir string, meta shardMeta) (*shardWriter, error) {
	tokens, err := os.Create(filepath.Join(dir, tokensName))
	if err != nil {
		return nil, err
	}
	documents, err := os.Create(filepath.Join(dir, documentsName))
	if err != nil {
		return nil, errors.Join(err, tokens.Close())
	}
	return &shardWriter{
		dir: dir, tokens: tokens, documents: documents, meta: meta,
		tokenBuffer: bufio.NewWriterSize(tokens, 1<<20), recordBuffer: bufio.NewWriterSize(documents, 1<<18),
	}, nil
}

// writeTokens appends ids to the open document.
func (w *shardWriter) writeTokens(ids []int32) error {
	w.scratch = appendIDs(w.scratch[:0], ids, w.meta.Width)
	w.meta.Tokens += int64(len(ids))
	_, err := w.tokenBuffer.Write(w.scratch)
	return err
}

// openTokens returns the number of tokens of the open document so far.
func (w *shardWriter) openTokens() int64 { return w.meta.Tokens - w.start }

// endDocument closes the open document.
func (w *shardWriter) endDocument(bytes int64, hash uint64) error {
	r := record{offset: w.start, bytes: bytes, hash: hash}
	w.start = w.meta.Tokens
	w.meta.Documents++
	w.meta.Bytes += bytes
	w.scratch = r.append(w.scratch[:0])
	_, err := w.recordBuffer.Write(w.scratch)
	return err
}

// finish writes what is left and brings it to the disk.
func (w *shardWriter) finish() error {
	_, err := w.recordBuffer.Write(record{offset: w.meta.Tokens}.append(nil))
	err = errors.Join(err, w.recordBuffer.Flush(), w.tokenBuffer.Flush(), w.tokens.Sync(), w.documents.Sync(), w.close())
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(w.meta, "", "  ")
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(w.dir, metaName), text)
}

func (w *shardWriter) close() error { return errors.Join(w.tokens.Close(), w.documents.Close()) }

func writeSynced(path string, text []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// shard is an open shard. Its methods may be called by several goroutines.
type shard struct {
	dir               string
	meta              shardMeta
	tokens, documents *os.File
}

// openShard opens a complete shard with the given key; the error tells what is
// missing or altered.
func openShard(dir, key string) (*shard, error) {
	text, err := os.ReadFile(filepath.Join(dir, metaName))
	if err != nil {
		return nil, err
	}
	s := &shard{dir: dir}
	if err := json.Unmarshal(text, &s.meta); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, metaName), err)
	}
	if s.meta.Version != shardVersion || s.meta.Key != key {
		return nil, fmt.Errorf("%s is of another version or source", dir)
	}
	if s.tokens, err = openSized(filepath.Join(dir, tokensName), s.meta.Tokens*int64(s.meta.Width)); err != nil {
		return nil, err
	}
	if s.documents, err = openSized(filepath.Join(dir, documentsName), (s.meta.Documents+1)*recordSize); err != nil {
		return nil, errors.Join(err, s.tokens.Close())
	}
	return s, nil
}

func openSized(path string, size int64) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("%s has %d bytes, expected %d", path, info.Size(), size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *shard) close() error { return errors.Join(s.tokens.Close(), s.documents.Close()) }

// records reads the n records from document i on, and the offset after them.
func (s *shard) records(i int64, n int, buffer []byte) ([]record, int64, error) {
	buffer = buffer[:(n+1)*recordSize]
	if _, err := s.documents.ReadAt(buffer, i*recordSize); err != nil {
		return nil, 0, s.damaged(err)
	}
	list := make([]record, n)
	for j := range list {
		list[j] = parseRecord(buffer[j*recordSize:])
	}
	return list, parseRecord(buffer[n*recordSize:]).offset, nil
}

// readTokens fills dst with the ids from offset on, using buffer if it is
// large enough, and returns the buffer it used.
func (s *shard) readTokens(dst []int32, offset int64, buffer []byte) ([]byte, error) {
	width := s.meta.Width
	if n := len(dst) * width; cap(buffer) < n {
		buffer = make([]byte, n)
	} else {
		buffer = buffer[:n]
	}
	if _, err := s.tokens.ReadAt(buffer, offset*int64(width)); err != nil {
		return buffer, s.damaged(err)
	}
	parseIDs(dst, buffer, width)
	return buffer, nil
}

func (s *shard) damaged(err error) error {
	return fmt.Errorf("the prepared data in %s cannot be read: %w; delete that folder and start again", s.dir, err)
}
