package metrics

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
)

// FileName is the name of the metrics file in a run folder.
const FileName = "metrics.jsonl"

// Number is a measurement. It is printed in the shortest form that restores
// it; one that is not finite, which JSON has no way to write, as null.
type Number float64

// MarshalJSON prints the number.
func (n Number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(nil, f, format, -1, 64), nil
}

// UnmarshalJSON reads a number; null is NaN.
func (n *Number) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	f, err := strconv.ParseFloat(string(data), 64)
	*n = Number(f)
	return err
}

// Train is one train line: the step's losses in nats a token, and the rates
// since the line before.
type Train struct {
	Event             string `json:"event"` // "train"
	Step              int64  `json:"step"`
	Loss              Number `json:"loss"` // lm_loss plus the auxiliary terms
	LMLoss            Number `json:"lm_loss"`
	LoadBalancingLoss Number `json:"load_balancing_loss"`
	// IntrospectionLoss is nil without introspection.
	IntrospectionLoss *Number `json:"introspection_loss,omitempty"`
	LR                Number  `json:"lr"`
	GradNorm          Number  `json:"grad_norm"` // before clipping
	Tokens            int64   `json:"tokens"`    // predicted so far
	TokensPerSecond   Number  `json:"tokens_per_second"`
	BitsPerByte       Number  `json:"bits_per_byte"`
	DataWait          Number  `json:"data_wait"` // share of the time waiting for data
	Seconds           Number  `json:"seconds"`   // spent training, all sessions
}

// Eval is one eval line.
type Eval struct {
	Event       string     `json:"event"` // "eval"
	Step        int64      `json:"step"`
	Loss        Number     `json:"loss"` // nats a token
	BitsPerByte Number     `json:"bits_per_byte"`
	Tokens      int64      `json:"tokens"`
	Bytes       int64      `json:"bytes"`
	ExpertUsage [][]Number `json:"expert_usage,omitempty"` // share of tokens, [block][expert]
}

// File appends events to metrics.jsonl. Each is one write of one line, so that
// a reader sees whole lines.
type File struct{ file *os.File }

// OpenFile opens the metrics file of a run that continues after a step (0: a
// new run). Lines of later steps, and a last line cut off by a kill, are
// removed; the file is rewritten aside and renamed.
func OpenFile(path string, step int64) (*File, error) {
	if err := cutBack(path, step); err != nil {
		return nil, fmt.Errorf("cutting %s back to step %d: %w", path, step, err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	return &File{file: f}, nil
}

// cutBack keeps the lines up to a step.
func cutBack(path string, step int64) error {
	in, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	aside := path + ".aside"
	out, err := os.Create(aside)
	if err != nil {
		return err
	}
	err = copyUpTo(out, in, step)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(aside))
	}
	return os.Rename(aside, path)
}

func copyUpTo(w io.Writer, r io.Reader, step int64) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var event struct {
			Step int64 `json:"step"`
		}
		if json.Unmarshal(line, &event) != nil || event.Step > step {
			continue
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
}

// Write appends an event.
func (f *File) Write(event any) error {
	line, err := json.Marshal(event)
	if err != nil {
		return err
	}
	_, err = f.file.Write(append(line, '\n'))
	return err
}

// Sync makes the lines durable, as before a checkpoint.
func (f *File) Sync() error { return f.file.Sync() }

// Close syncs and closes the file.
func (f *File) Close() error { return errors.Join(f.file.Sync(), f.file.Close()) }
