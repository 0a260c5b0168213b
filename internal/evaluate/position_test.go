package evaluate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agiformer/internal/evaluate"
)

// The losses by position are those of --token-losses, summed.
func TestLossByPosition(t *testing.T) {
	t.Parallel()
	o := options(t)
	dir := t.TempDir()
	long := filepath.Join(dir, "long.txt")
	if err := os.WriteFile(long, []byte(strings.Repeat("evvel zaman içinde, kalbur saman içinde ", 15)), 0o600); err != nil { // 645 bytes
		t.Fatal(err)
	}
	o.Data = append(o.Data, long)
	o.TokenLosses, o.JSON = filepath.Join(dir, "losses.jsonl"), true
	var out bytes.Buffer
	if err := evaluate.Run(context.Background(), o, &out, &out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		ByPosition []struct {
			From, To, Tokens int64
			BitsPerByte      float64 `json:"bits_per_byte"`
		} `json:"by_position"`
		Tokens int64
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	edges := [][2]int64{{0, 255}, {256, 511}, {512, 1023}}
	if len(got.ByPosition) != len(edges) {
		t.Fatalf("the buckets are %+v", got.ByPosition)
	}
	all := int64(0)
	for i, b := range got.ByPosition {
		tokens, bits := lossBetween(t, o.TokenLosses, edges[i][0], edges[i][1])
		if b.From != edges[i][0] || b.To != edges[i][1] || b.Tokens != tokens || math.Abs(b.BitsPerByte-bits) > 1e-9 || tokens == 0 {
			t.Errorf("bucket %d is %+v, want %v, %d tokens, %g bits per byte", i, b, edges[i], tokens, bits)
		}
		all += b.Tokens
	}
	if all != got.Tokens {
		t.Errorf("the buckets hold %d tokens of %d", all, got.Tokens)
	}

	o.JSON, o.TokenLosses = false, ""
	out.Reset()
	if err := evaluate.Run(context.Background(), o, &out, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "by position") || !strings.Contains(out.String(), ", 256-511 ") {
		t.Errorf("the report for people lacks the losses by position:\n%s", &out)
	}
}

// lossBetween sums a file of token losses: every token but the end of the
// document (id 3) is a byte.
func lossBetween(t *testing.T, path string, from, to int64) (tokens int64, bitsPerByte float64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var nats, count float64
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var token struct {
			Pos, ID int64
			NLL     float64
		}
		if err := json.Unmarshal([]byte(line), &token); err != nil {
			t.Fatal(err)
		}
		if token.Pos < from || token.Pos > to {
			continue
		}
		tokens++
		nats += token.NLL
		if token.ID != 3 {
			count++
		}
	}
	return tokens, nats / math.Ln2 / count
}
