// A look into the forward pass: what a trained model's memory, routers and
// introspection did with a text, segment by segment.
//
//	go run ./examples/memory_analysis --checkpoint RUN --text "Bir varmış bir yokmuş."
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"agiformer/internal/model"
	"agiformer/internal/pretrained"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
)

func main() {
	checkpoint := flag.String("checkpoint", "", "a run's folder or a checkpoint's")
	text := flag.String("text", "Bir varmış bir yokmuş.", "the text to read")
	flag.Parse()
	if err := analyse(*checkpoint, *text); err != nil {
		fmt.Fprintln(os.Stderr, "memory_analysis:", err)
		os.Exit(1)
	}
}

func analyse(checkpoint, text string) (err error) {
	c, err := pretrained.Open(checkpoint)
	if err != nil {
		return err
	}
	m, err := c.Load("cpu", false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Free()) }()
	ids := c.Tokenizer.Encode([]byte(text))
	labels := c.Tokenizer.NewLabeler()
	return torch.Do(func() {
		streams := m.NewState(1) // what the memory holds between the segments
		defer streams.Free()
		length := int(c.Config.Model.SegmentLen())
		for start := 0; start < len(ids); start += length {
			segment := ids[start:min(start+length, len(ids))]
			var out *model.Output
			torch.NoGrad(func() {
				out = m.Forward(input(segment, labels), streams, model.Options{Info: true})
			})
			show(start, out)
		}
	})
}

// input makes one lane [1, T] of a segment's ids and their features.
func input(ids []int32, labels tokenizer.Labeler) model.Input {
	n := int64(len(ids))
	values := make([][]int64, 5) // ids, types, places, vowels, words
	word := int64(0)
	for _, id := range ids {
		label := labels.Next(id)
		if label.WordStart {
			word++
		}
		for i, value := range []int64{int64(id), int64(label.Type), int64(label.Place), int64(label.Vowel), word} {
			values[i] = append(values[i], value)
		}
	}
	row := func(i int) *torch.Tensor { return torch.FromSlice(values[i], 1, n) }
	return model.Input{IDs: row(0), Types: row(1), Places: row(2), Vowels: row(3), Words: row(4), Lengths: []int64{n}}
}

// show prints the logits' shape and the info of one segment.
func show(start int, out *model.Output) {
	info, err := json.MarshalIndent(out.Info, "", "  ")
	if err != nil {
		torch.Fail(err)
	}
	fmt.Printf("segment from byte %d: logits %v\n%s\n", start, out.Logits.Shape(), info)
}
