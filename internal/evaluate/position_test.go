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
	"agiformer/internal/tokenizer"
	"agiformer/internal/tokenizer/morphopiece"
	"agiformer/internal/tokenizer/tokenizertest"
)

// The losses by position are those of --token-losses, summed by the bytes before
// each token.
func TestLossByPosition(t *testing.T) {
	t.Parallel()
	for _, tok := range []tokenizer.Tokenizer{tokenizer.NewByte(), tokenizer.NewMorphoPiece(tokenizertest.Unigram(t, morphopiece.FirstPiece+120))} {
		t.Run(tok.Name(), func(t *testing.T) {
			t.Parallel()
			lossByPosition(t, tok)
		})
	}
}

func lossByPosition(t *testing.T, tok tokenizer.Tokenizer) {
	o := optionsFor(t, tok)
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
		tokens, bits := lossBetween(t, tok, o.TokenLosses, o.Data, edges[i])
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

// lossBetween sums the losses in a file of the tokens of the documents that have so
// many bytes of their document before them.
func lossBetween(t *testing.T, tok tokenizer.Tokenizer, path string, documents []string, edges [2]int64) (tokens int64, bitsPerByte float64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var nats, count float64
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var token struct {
			Doc, Pos, ID int64
			NLL          float64
		}
		if err := json.Unmarshal([]byte(line), &token); err != nil {
			t.Fatal(err)
		}
		document, err := os.ReadFile(documents[token.Doc])
		if err != nil {
			t.Fatal(err)
		}
		ids := append(tok.Encode(document), tok.EndOfDocument())
		if before := int64(len(tok.Decode(ids[:token.Pos]))); before < edges[0] || before > edges[1] {
			continue
		}
		tokens++
		nats += token.NLL
		count += float64(len(tok.Decode([]int32{int32(token.ID)})))
	}
	return tokens, nats / math.Ln2 / count
}
