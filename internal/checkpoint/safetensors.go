package checkpoint

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
)

// maxHeader bounds the JSON header (bytes), as the format's own library does.
const maxHeader = 100_000_000

// dtypeSizes gives the bytes an element of each dtype the format names.
var dtypeSizes = map[string]int64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1,
	"I16": 2, "U16": 2, "F16": 2, "BF16": 2,
	"I32": 4, "U32": 4, "F32": 4,
	"I64": 8, "U64": 8, "F64": 8,
}

// Entry is one tensor to be written. Data is called once, when its turn has
// come, so that one tensor at a time is held in memory; it returns the
// elements row-major in little-endian order.
type Entry struct {
	Name  string
	DType string // as the format spells it: F32, BF16, I64, BOOL, ...
	Shape []int64
	Data  func() ([]byte, error)
}

// Info describes one tensor of a file.
type Info struct {
	DType string   `json:"dtype"`
	Shape []int64  `json:"shape"`
	Span  [2]int64 `json:"data_offsets"` // from the end of the header (bytes)
}

// WriteTensors writes a safetensors file to w: the entries by name, their data
// without gaps. The header is padded with spaces to a multiple of 8 bytes, so
// that every tensor that follows eight-byte ones is aligned.
func WriteTensors(w io.Writer, entries []Entry) error {
	entries = append([]Entry(nil), entries...)
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	infos := make(map[string]Info, len(entries))
	var offset int64
	for _, e := range entries {
		size, err := tensorBytes(e.DType, e.Shape)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", e.Name, err)
		}
		if _, twice := infos[e.Name]; twice {
			return fmt.Errorf("tensor %s: given twice", e.Name)
		}
		infos[e.Name] = Info{DType: e.DType, Shape: append([]int64{}, e.Shape...), Span: [2]int64{offset, offset + size}}
		offset += size
	}
	header, err := json.Marshal(infos)
	if err != nil {
		return err
	}
	header = append(header, bytes.Repeat([]byte(" "), (8-len(header)%8)%8)...)
	if err := binary.Write(w, binary.LittleEndian, uint64(len(header))); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, e := range entries {
		data, err := e.Data()
		if err != nil {
			return fmt.Errorf("tensor %s: %w", e.Name, err)
		}
		if span := infos[e.Name].Span; int64(len(data)) != span[1]-span[0] {
			return fmt.Errorf("tensor %s: %d bytes given for %s %v, which has %d", e.Name, len(data), e.DType, e.Shape, span[1]-span[0])
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	return nil
}

// tensorBytes returns the size of a tensor, refusing dtypes that the format
// does not have and shapes whose product overflows.
func tensorBytes(dtype string, shape []int64) (int64, error) {
	size, ok := dtypeSizes[dtype]
	if !ok {
		return 0, fmt.Errorf("dtype %q is not one of the format's", dtype)
	}
	for _, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("shape %v has a negative length", shape)
		}
		if n > 0 && size > math.MaxInt64/n {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		size *= n
	}
	return size, nil
}

// File is an open safetensors file.
type File struct {
	path    string
	file    *os.File
	tensors map[string]Info
	start   int64 // where the data begin (bytes from the file's start)
}

// OpenFile reads and checks the header of a safetensors file: its length, its
// JSON, every dtype and shape, and that the tensors' bytes fill the file
// exactly, without gap or overlap. Errors name the file.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	tensors, start, err := readHeader(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s is not a whole safetensors file: %w", path, err)
	}
	return &File{path: path, file: f, tensors: tensors, start: start}, nil
}

func readHeader(f *os.File) (map[string]Info, int64, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	var length [8]byte
	if _, err := io.ReadFull(f, length[:]); err != nil {
		return nil, 0, fmt.Errorf("it has %d bytes, fewer than the eight of the header's length", stat.Size())
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || int64(n) > stat.Size()-8 {
		return nil, 0, fmt.Errorf("its header should have %d bytes, the file has %d", n, stat.Size())
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(f, header); err != nil {
		return nil, 0, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(header, &raw); err != nil {
		return nil, 0, fmt.Errorf("its header is no JSON object: %w", err)
	}
	delete(raw, "__metadata__")
	tensors := make(map[string]Info, len(raw))
	for name, message := range raw {
		var info Info
		if err := json.Unmarshal(message, &info); err != nil {
			return nil, 0, fmt.Errorf("tensor %s: %w", name, err)
		}
		tensors[name] = info
	}
	start := 8 + int64(n)
	return tensors, start, checkSpans(tensors, stat.Size()-start)
}

// checkSpans demands that the spans tile the data section of size bytes.
func checkSpans(tensors map[string]Info, size int64) error {
	names := make([]string, 0, len(tensors))
	for name := range tensors {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := tensors[names[i]].Span, tensors[names[j]].Span
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	var end int64
	for _, name := range names {
		info := tensors[name]
		want, err := tensorBytes(info.DType, info.Shape)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		if info.Span[1]-info.Span[0] != want {
			return fmt.Errorf("tensor %s: %s %v needs %d bytes, data_offsets %v hold %d", name, info.DType, info.Shape, want, info.Span, info.Span[1]-info.Span[0])
		}
		if info.Span[0] != end {
			return fmt.Errorf("tensor %s: data_offsets %v overlap or leave a gap after byte %d", name, info.Span, end)
		}
		end = info.Span[1]
	}
	if end != size {
		return fmt.Errorf("the tensors fill %d bytes, the file has %d for them", end, size)
	}
	return nil
}

// Names returns the tensors' names, sorted.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.tensors))
	for name := range f.tensors {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Info returns the dtype, shape and place of a tensor.
func (f *File) Info(name string) (Info, bool) {
	info, ok := f.tensors[name]
	return info, ok
}

// Read returns the bytes of one tensor in fresh memory.
func (f *File) Read(name string) ([]byte, error) {
	info, ok := f.tensors[name]
	if !ok {
		return nil, fmt.Errorf("%s has no tensor %s", f.path, name)
	}
	data := make([]byte, info.Span[1]-info.Span[0])
	if _, err := f.file.ReadAt(data, f.start+info.Span[0]); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: tensor %s: %w", f.path, name, err)
	}
	return data, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// writeBuffered runs write with a buffered writer on w and flushes it.
func writeBuffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 1<<20)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}
