package data

import (
	"fmt"
	"path/filepath"
)

// Kind names something that is wrong with a source.
type Kind string

// What can be wrong with a source. Under OnErrorSkip the broken part is left
// out, except invalid UTF-8 of plain text, whose bytes are kept.
const (
	BrokenFile   Kind = "broken_files"    // cannot be unpacked or is not what its name says; what came before the break is kept
	ForeignText  Kind = "foreign_files"   // text in another encoding than UTF-8, as far as its first bytes say
	BrokenLine   Kind = "broken_lines"    // a line that is no JSON object
	MissingField Kind = "missing_fields"  // a record without text, or with text that is no string
	EmptyFile    Kind = "empty_files"     // a file of 0 bytes
	EmptyText    Kind = "empty_documents" // a record whose text is empty, or holds nothing but NUL and 0x03
	InvalidUTF8  Kind = "invalid_utf8"    // a document with bytes that are not UTF-8; they are kept as they are
	RemovedByte  Kind = "removed_bytes"   // NUL and 0x03, which stand for padding and the end of a document
)

// kinds lists every Kind in the order of a report.
var kinds = []Kind{BrokenFile, ForeignText, BrokenLine, MissingField, EmptyFile, EmptyText, InvalidUTF8, RemovedByte}

// describe says in words what count of kind means, as "3 files are empty and
// left out".
func (k Kind) describe(count int64) string {
	one, many, done := "", "", ""
	switch k {
	case BrokenFile:
		one, many, done = "file is", "files are", "broken: what could be read was kept"
	case ForeignText:
		one, many, done = "file is", "files are", "not UTF-8 and left out"
	case BrokenLine:
		one, many, done = "line is", "lines are", "no JSON object and left out"
	case MissingField:
		one, many, done = "record is", "records are", "without a text and left out"
	case EmptyFile:
		one, many, done = "file is", "files are", "empty and left out"
	case EmptyText:
		one, many, done = "document is", "documents are", "empty and left out"
	case InvalidUTF8:
		one, many, done = "document holds", "documents hold", "invalid UTF-8, whose bytes were kept as they are"
	case RemovedByte:
		one, many, done = "byte is", "bytes are", "NUL or 0x03 and removed (they mark padding and the end of a document)"
	}
	if count == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s %s", count, many, done)
}

// Problem counts one kind of thing that is wrong with a source.
type Problem struct {
	Kind  Kind   `json:"kind"`
	Count int64  `json:"count"`
	First string `json:"first"` // where the first one is, and what
}

// Report says what Prepare found.
type Report struct {
	Files     int       `json:"files"`
	Documents int64     `json:"documents"`
	Bytes     int64     `json:"bytes"`  // of the documents' text
	Tokens    int64     `json:"tokens"` // end-of-document ids not counted
	Problems  []Problem `json:"problems"`
	// SourceBytes is the size of the source files on the disk.
	SourceBytes int64 `json:"source_bytes"`
	// Cached says that every shard was there already.
	Cached bool `json:"cached"`
	// Folders are the shards' folders in the cache.
	Folders []string `json:"folders"`
}

// Sentences returns one sentence for each kind of problem; none where all is
// well.
func (r *Report) Sentences() []string {
	var sentences []string
	for _, p := range r.Problems {
		sentences = append(sentences, fmt.Sprintf("%s; the first: %s", p.Kind.describe(p.Count), p.First))
	}
	return sentences
}

// occurrence is where a problem was met first: stored with a shard by the
// file's place in the shard, since equal contents may have other names later.
type occurrence struct {
	File   int    `json:"file"`
	Detail string `json:"detail"`
}

// tally collects the problems of one shard.
type tally struct {
	Count map[Kind]int64      `json:"count"`
	First map[Kind]occurrence `json:"first"`
}

func newTally() tally {
	return tally{Count: map[Kind]int64{}, First: map[Kind]occurrence{}}
}

func (t tally) add(kind Kind, count int64, file int, detail string) {
	if t.Count[kind] == 0 {
		t.First[kind] = occurrence{file, detail}
	}
	t.Count[kind] += count
}

// refuse returns the error for the first problem of t under OnErrorFail, nil
// where there is none.
func (t tally) refuse(files []sourceFile) error {
	for _, kind := range kinds {
		if t.Count[kind] > 0 {
			return refusal(files, t.First[kind])
		}
	}
	return nil
}

func refusal(files []sourceFile, first occurrence) error {
	return fmt.Errorf("%s: mend it, or go on without it with data.on_error=skip", locate(files, first))
}

func locate(files []sourceFile, first occurrence) string {
	return fmt.Sprintf("%s: %s", filepath.Clean(files[first.File].path), first.Detail)
}

// merge adds a shard's tally to a report.
func (r *Report) merge(t tally, files []sourceFile) {
	for _, kind := range kinds {
		if t.Count[kind] == 0 {
			continue
		}
		i := 0
		for i < len(r.Problems) && r.Problems[i].Kind != kind {
			i++
		}
		if i == len(r.Problems) {
			r.Problems = append(r.Problems, Problem{Kind: kind, First: locate(files, t.First[kind])})
		}
		r.Problems[i].Count += t.Count[kind]
	}
}
