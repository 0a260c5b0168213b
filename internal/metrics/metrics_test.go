package metrics_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/metrics"
)

func TestTrainLineHasTheAgreedKeysInShortestForm(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), metrics.FileName)
	f, err := metrics.OpenFile(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	tenth := 0.1 // so that the sum below is done in float64 at run time
	for _, event := range []any{
		metrics.Train{Event: "train", Step: 10, Loss: metrics.Number(tenth + 0.2), LMLoss: 0.3, LoadBalancingLoss: 1e-7, LR: 1e-4,
			GradNorm: metrics.Number(math.Inf(1)), Tokens: 1 << 40, TokensPerSecond: 1234.5, BitsPerByte: 3, DataWait: 0, Seconds: 1.25},
		metrics.Eval{Event: "eval", Step: 10, Loss: 2, BitsPerByte: 2.5, Tokens: 7, Bytes: 8},
		metrics.Eval{Event: "eval", Step: 11, ExpertUsage: [][]metrics.Number{{0.25, 0.75}}},
	} {
		if err := f.Write(event); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"event":"train","step":10,"loss":0.30000000000000004,"lm_loss":0.3,"load_balancing_loss":1e-07,"lr":0.0001,"grad_norm":null,` +
		`"tokens":1099511627776,"tokens_per_second":1234.5,"bits_per_byte":3,"data_wait":0,"seconds":1.25}` + "\n" +
		`{"event":"eval","step":10,"loss":2,"bits_per_byte":2.5,"tokens":7,"bytes":8}` + "\n" +
		`{"event":"eval","step":11,"loss":0,"bits_per_byte":0,"tokens":0,"bytes":0,"expert_usage":[[0.25,0.75]]}` + "\n"
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("got\n%s%v, want\n%s", got, err, want)
	}
}

func TestNumbersComeBackBitForBit(t *testing.T) {
	t.Parallel()
	for _, want := range []float64{0, 1, -0.1, math.Pi, 1e-300, 5e-324, math.MaxFloat64, 123456789.125, float64(float32(0.1))} {
		data, err := json.Marshal(metrics.Number(want))
		if err != nil {
			t.Fatal(err)
		}
		var got metrics.Number
		if err := json.Unmarshal(data, &got); err != nil || float64(got) != want {
			t.Errorf("%v printed as %s came back as %v, %v", want, data, got, err)
		}
	}
}

func TestResumingCutsTheFileBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), metrics.FileName)
	before := `{"event":"train","step":7}` + "\n" + `{"event":"train","step":8}` + "\n" + `{"event":"eval","step":8}` + "\n"
	after := `{"event":"train","step":9}` + "\n" + `{"event":"tra`
	if err := os.WriteFile(path, []byte(before+after), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := metrics.OpenFile(path, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(metrics.Eval{Event: "eval", Step: 9}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(got), before+`{"event":"eval","step":9,`) || strings.Count(string(got), "\n") != 4 {
		t.Errorf("%s%v", got, err)
	}
}

// TestTensorBoardRecords decodes the event file frame by frame, as its readers
// do, checksums included.
func TestTensorBoardRecords(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tensorboard")
	tb, err := metrics.NewTensorBoard(dir, 200)
	if err != nil {
		t.Fatal(err)
	}
	if err := tb.Write(300, metrics.Scalar{Tag: "train/loss", Value: 2.5}, metrics.Scalar{Tag: "train/lr", Value: 0.125}); err != nil {
		t.Fatal(err)
	}
	if err := tb.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	records := readRecords(t, data)
	if len(records) != 3 || !bytes.HasSuffix(records[0], []byte("brain.Event:2")) {
		t.Fatalf("%d records, the first %q", len(records), records)
	}
	if start := []byte{2 << 3, 0xc9, 0x01, 7<<3 | 2, 2, 1 << 3, 1}; !bytes.Equal(records[1][9:], start) {
		t.Errorf("session start % x, want % x", records[1][9:], start)
	}
	// After wall_time (9 bytes): step 300, then summary of two values.
	want := []byte{2 << 3, 0xac, 0x02, 5<<3 | 2, 36,
		1<<3 | 2, 17, 1<<3 | 2, 10, 't', 'r', 'a', 'i', 'n', '/', 'l', 'o', 's', 's', 2<<3 | 5, 0, 0, 0x20, 0x40,
		1<<3 | 2, 15, 1<<3 | 2, 8, 't', 'r', 'a', 'i', 'n', '/', 'l', 'r', 2<<3 | 5, 0, 0, 0, 0x3e}
	if got := records[2][9:]; !bytes.Equal(got, want) {
		t.Errorf("event % x, want % x", got, want)
	}
}

func readRecords(t *testing.T, data []byte) [][]byte {
	t.Helper()
	check := func(covered []byte, stored uint32) {
		crc := crc32.Checksum(covered, crc32.MakeTable(crc32.Castagnoli))
		if want := (crc>>15 | crc<<17) + 0xa282ead8; stored != want {
			t.Fatalf("checksum %x, want %x", stored, want)
		}
	}
	var records [][]byte
	for len(data) > 0 {
		n := binary.LittleEndian.Uint64(data)
		check(data[:8], binary.LittleEndian.Uint32(data[8:]))
		record := data[12 : 12+n]
		check(record, binary.LittleEndian.Uint32(data[12+n:]))
		records = append(records, record)
		data = data[16+n:]
	}
	return records
}

func TestPlainLinesWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := metrics.NewProgress(&out, "auto")
	p.Begin(0, 100)
	p.Step(1)
	p.Train(metrics.Train{Step: 10, Loss: 2.5, BitsPerByte: 3.25, LR: 0.002, TokensPerSecond: 12345})
	p.Say("saved x")
	p.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || lines[1] != "saved x" {
		t.Fatalf("lines %q", lines)
	}
	for _, part := range []string{"step 10/100", "loss 2.5000", "3.250 bits/byte", "lr 0.002", "12.3k tokens/s", "left"} {
		if !strings.Contains(lines[0], part) {
			t.Errorf("line %q lacks %q", lines[0], part)
		}
	}
}

func TestJSONLinesOnRequest(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := metrics.NewProgress(&out, "json")
	p.Begin(0, 100)
	p.Train(metrics.Train{Event: "train", Step: 10})
	p.Say("a \"b\"")
	p.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `{"event":"train","step":10,`) || lines[1] != `{"event":"log","text":"a \"b\""}` {
		t.Errorf("lines %q", lines)
	}
}
