package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/checkpoint"
)

// entry makes an F32 tensor of the given raw bytes.
func entry(name string, data []byte, shape ...int64) checkpoint.Entry {
	return checkpoint.Entry{Name: name, DType: "F32", Shape: shape, Data: func() ([]byte, error) { return data, nil }}
}

func writeFile(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// encode returns the bytes of a file with the given header and data.
func encode(header string, data []byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}

func TestTensorsComeBackAsWritten(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	err := checkpoint.WriteTensors(&file, []checkpoint.Entry{
		entry("b", []byte("01234567"), 2, 1),
		entry("a", []byte("abcd")),
		entry("empty", nil, 0, 3),
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := checkpoint.OpenFile(writeFile(t, file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := strings.Join(f.Names(), " "); got != "a b empty" {
		t.Errorf("names %q", got)
	}
	for name, want := range map[string]string{"a": "abcd", "b": "01234567", "empty": ""} {
		if got, err := f.Read(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if info, _ := f.Info("b"); info.DType != "F32" || len(info.Shape) != 2 || info.Shape[0] != 2 {
		t.Errorf("b: %+v", info)
	}
	if _, err := f.Read("c"); err == nil || !strings.Contains(err.Error(), "no tensor c") {
		t.Errorf("reading an absent tensor: %v", err)
	}
}

func TestForeignHeadersAreRead(t *testing.T) {
	t.Parallel()
	header := `{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}`
	f, err := checkpoint.OpenFile(writeFile(t, encode(header, []byte("xy"))))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.Read("w"); err != nil || string(got) != "xy" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBrokenFilesAreRefusedByName(t *testing.T) {
	t.Parallel()
	good := `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	cases := map[string]struct {
		file []byte
		want string
	}{
		"empty":              {nil, "0 bytes"},
		"short length":       {[]byte("abc"), "3 bytes"},
		"header beyond file": {encode(good, nil)[:20], "header should have"},
		"huge header":        {binary.LittleEndian.AppendUint64(nil, 1<<62), "header should have"},
		"no JSON":            {encode("{nonsense", nil), "no JSON"},
		"truncated data":     {encode(good, []byte("1234567")), "fill 8 bytes, the file has 7"},
		"trailing data":      {encode(good, []byte("123456789")), "fill 8 bytes, the file has 9"},
		"unknown dtype":      {encode(strings.Replace(good, "F32", "F33", 1), []byte("12345678")), `"F33"`},
		"wrong size":         {encode(strings.Replace(good, "[2]", "[3]", 1), []byte("12345678")), "needs 12 bytes"},
		"negative length":    {encode(strings.Replace(good, "[2]", "[-2]", 1), []byte("12345678")), "negative"},
		"overflowing shape":  {encode(strings.Replace(good, "[2]", "[4611686018427387904,8]", 1), []byte("12345678")), "too large"},
		"overlap": {encode(`{"v":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`,
			[]byte("123456")), "overlap"},
		"gap": {encode(`{"v":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}`,
			[]byte("123456")), "gap"},
		"offsets backwards": {encode(`{"v":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}`, []byte("12")), "needs 2 bytes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, c.file)
			_, err := checkpoint.OpenFile(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want one with %q and the path", err, c.want)
			}
		})
	}
}

func TestWritingRefusesWhatWouldNotComeBack(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]checkpoint.Entry{
		"bytes given": {entry("w", []byte("123"), 1)},
		"given twice": {entry("w", []byte("1234"), 1), entry("w", []byte("1234"), 1)},
	} {
		if err := checkpoint.WriteTensors(&bytes.Buffer{}, entries); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one with %q", err, name)
		}
	}
}
