package evaluate

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"agiformer/internal/tokenizer"
	"agiformer/internal/train"
)

// firstBucket is the number of bytes in the first bucket; each later one
// reaches twice as far into the document.
const firstBucket = 256

// bucket is the loss of the tokens at some places of their documents: a
// model with memory does better the further it has read.
type bucket struct {
	From        int64   `json:"from"` // first byte of the document, from 0, by which a token counts
	To          int64   `json:"to"`   // the last one
	BitsPerByte float64 `json:"bits_per_byte"`
	Tokens      int64   `json:"tokens"` // predicted

	nats  float64
	bytes int64
}

// positions sums losses by their place in the document.
type positions struct {
	tokenizer tokenizer.Tokenizer
	buckets   []bucket
}

// add takes the loss of one token.
func (p *positions) add(t train.TokenLoss) {
	i := bits.Len64(uint64(t.Offset / firstBucket)) // 0, 1, 2-3, 4-7, ...
	for len(p.buckets) <= i {
		b := bucket{To: firstBucket - 1}
		if n := len(p.buckets); n > 0 {
			b.From = firstBucket << (n - 1)
			b.To = 2*b.From - 1
		}
		p.buckets = append(p.buckets, b)
	}
	b := &p.buckets[i]
	b.Tokens++
	b.nats += t.NLL
	b.bytes += int64(p.tokenizer.TokenBytes(int32(t.ID)))
}

// result returns the buckets up to the longest document's end. Where only ends
// of documents were predicted, which stand for no byte, they count as one.
func (p *positions) result() []bucket {
	for i := range p.buckets {
		b := &p.buckets[i]
		b.BitsPerByte = b.nats / math.Ln2 / float64(max(b.bytes, 1))
	}
	return p.buckets
}

// showBuckets writes the buckets on one line for people.
func showBuckets(buckets []bucket) string {
	parts := make([]string, len(buckets))
	for i, b := range buckets {
		parts[i] = fmt.Sprintf("%d-%d %.4f", b.From, b.To, b.BitsPerByte)
	}
	return strings.Join(parts, ", ")
}
