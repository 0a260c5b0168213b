package data

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"sync/atomic"

	"agiformer/internal/tokenizer"
)

// Dataset is a list of tokenised documents in shards of the cache, or a subset
// of one. Documents are counted from 0 in the order of the source. Its methods
// may be called by several goroutines at once.
type Dataset struct {
	files  *shardSet
	subset *bitset // nil: all documents
	tok    tokenizer.Tokenizer
	// name tells what subset it is, for Hash.
	name      string
	documents int64
	tokens    int64
	bytes     int64
	closed    atomic.Bool
}

// shardSet holds the open shards that a dataset and its subsets share.
type shardSet struct {
	shards []*shard
	starts []int64 // starts[i] is the first document of shard i; one more at the end
	users  atomic.Int64
}

func newDataset(shards []*shard, tok tokenizer.Tokenizer) *Dataset {
	set := &shardSet{shards: shards, starts: []int64{0}}
	set.users.Store(1)
	d := &Dataset{files: set, tok: tok}
	for _, s := range shards {
		d.documents += s.meta.Documents
		d.tokens += s.meta.Tokens
		d.bytes += s.meta.Bytes
		set.starts = append(set.starts, d.documents)
	}
	return d
}

func closeShards(shards []*shard) error {
	var err error
	for _, s := range shards {
		err = errors.Join(err, s.close())
	}
	return err
}

// Documents returns the number of documents.
func (d *Dataset) Documents() int64 { return d.documents }

// Tokens returns the number of tokens of all documents, end-of-document ids
// not counted.
func (d *Dataset) Tokens() int64 { return d.tokens }

// Bytes returns the number of bytes of the documents' text.
func (d *Dataset) Bytes() int64 { return d.bytes }

// Tokenizer returns the tokenizer that made the ids.
func (d *Dataset) Tokenizer() tokenizer.Tokenizer { return d.tok }

// Hash identifies the documents, their order and their ids.
func (d *Dataset) Hash() string {
	h := sha256.New()
	for _, s := range d.files.shards {
		h.Write([]byte(s.meta.Key))
	}
	h.Write([]byte(d.name))
	return hex.EncodeToString(h.Sum(nil))
}

// Close gives the files back; subsets that are still open keep them. It may be
// called twice.
func (d *Dataset) Close() error {
	if d.closed.Swap(true) || d.files.users.Add(-1) > 0 {
		return nil
	}
	return closeShards(d.files.shards)
}

// document is where a document's tokens are.
type document struct {
	shard  *shard
	offset int64 // of the first token in the shard
	tokens int64
	bytes  int64
	hash   uint64
}

// locate finds document i.
func (d *Dataset) locate(i int64) (document, error) {
	if i < 0 || i >= d.documents {
		return document{}, fmt.Errorf("document %d of %d does not exist", i, d.documents)
	}
	if d.subset != nil {
		i = d.subset.at(i)
	}
	n := sort.Search(len(d.files.shards), func(j int) bool { return d.files.starts[j+1] > i })
	s := d.files.shards[n]
	var buffer [2 * recordSize]byte
	list, end, err := s.records(i-d.files.starts[n], 1, buffer[:])
	if err != nil {
		return document{}, err
	}
	r := list[0]
	return document{shard: s, offset: r.offset, tokens: end - r.offset, bytes: r.bytes, hash: r.hash}, nil
}

// Document returns the ids of document i, without an end-of-document id.
func (d *Dataset) Document(i int64) ([]int32, error) {
	doc, err := d.locate(i)
	if err != nil {
		return nil, err
	}
	ids := make([]int32, doc.tokens)
	_, err = doc.shard.readTokens(ids, doc.offset, nil)
	return ids, err
}

// DocumentTokens returns the number of ids of document i.
func (d *Dataset) DocumentTokens(i int64) (int64, error) {
	doc, err := d.locate(i)
	return doc.tokens, err
}

// DocumentBytes returns the number of bytes of the text of document i.
func (d *Dataset) DocumentBytes(i int64) (int64, error) {
	doc, err := d.locate(i)
	return doc.bytes, err
}

// eachRecords is how many records are read at once when all are.
const eachRecords = 4096

// each calls f with every document in order.
func (d *Dataset) each(f func(index int64, doc document) error) error {
	buffer := make([]byte, (eachRecords+1)*recordSize)
	index := int64(0) // in the dataset
	for n, s := range d.files.shards {
		for i := int64(0); i < s.meta.Documents; i += eachRecords {
			count := min(eachRecords, s.meta.Documents-i)
			list, end, err := s.records(i, int(count), buffer)
			if err != nil {
				return err
			}
			for j, r := range list {
				next := end
				if j+1 < len(list) {
					next = list[j+1].offset
				}
				if d.subset != nil && !d.subset.has(d.files.starts[n]+i+int64(j)) {
					continue
				}
				if err := f(index, document{s, r.offset, next - r.offset, r.bytes, r.hash}); err != nil {
					return err
				}
				index++
			}
		}
	}
	return nil
}

// chunkTokens is how many tokens are read at once when all are.
const chunkTokens = 1 << 16

// eachChunk calls f with the ids of every document in order, a long document
// in several pieces; first says that a piece begins a document. The ids are
// valid until f returns.
func (d *Dataset) eachChunk(f func(ids []int32, first bool)) error {
	r := newChunkReader()
	return d.each(func(_ int64, doc document) error { return r.read(doc, doc.tokens, f) })
}

// chunkReader reads documents in pieces of up to chunkTokens.
type chunkReader struct {
	ids    []int32
	buffer []byte
}

func newChunkReader() *chunkReader { return &chunkReader{ids: make([]int32, chunkTokens)} }

// read calls f with the first tokens of a document, as eachChunk does.
func (r *chunkReader) read(doc document, tokens int64, f func(ids []int32, first bool)) (err error) {
	for at := int64(0); at < tokens; at += chunkTokens {
		piece := r.ids[:min(chunkTokens, tokens-at)]
		if r.buffer, err = doc.shard.readTokens(piece, doc.offset+at, r.buffer); err != nil {
			return err
		}
		f(piece, at == 0)
	}
	return nil
}
