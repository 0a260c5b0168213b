// Command benchpacking measures what data.packing=isolate gains on short
// documents: the useful tokens (not padding) that forward and backward passes
// take a second, against the same documents one a row.
//
//	benchpacking --data PATH [--split line] [--rounds 5] [--steps 2] [OVERRIDE...]
//
// OVERRIDE... choose the model and training.batch_size as for agiformer train.
// The ways take turns in every round; the table shows each one's median.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"agiformer/conf"
	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchpacking: "+err.Error())
		os.Exit(1)
	}
}

// options are the command's own arguments.
type options struct {
	path, split   string
	rounds, steps int
	cpu           bool
	cacheDir      string
}

// clock returns the seconds that o counts: those of the clock, or those of all
// the process's threads.
func (o options) clock() float64 {
	if !o.cpu {
		return float64(time.Now().UnixNano()) / 1e9
	}
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		panic(err) // the arguments are constants
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func run(arguments []string) error {
	var o options
	flags := flag.NewFlagSet("benchpacking", flag.ContinueOnError)
	flags.StringVar(&o.path, "data", "", "text files, JSONL or Parquet")
	flags.StringVar(&o.split, "split", "line", "file, blank_line or line: what one document of a plain text file is")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds")
	flags.IntVar(&o.steps, "steps", 2, "steps of each way in a round")
	flags.BoolVar(&o.cpu, "cpu-time", false, "count the threads' time instead of the clock's, where others use the machine too")
	flags.StringVar(&o.cacheDir, "cache-dir", "", "folder of prepared data (default: the user's cache folder)")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	tree, err := config.Compose(config.Options{Builtin: conf.Files, Overrides: flags.Args()})
	if err != nil {
		return err
	}
	cfg, err := config.Load(tree, model.Known())
	if err != nil {
		return err
	}
	text, report, err := data.Prepare(context.Background(), data.Options{Paths: []string{o.path}, Split: o.split, CacheDir: o.cacheDir}, tokenizer.NewByte())
	if err != nil {
		return err
	}
	defer text.Close()
	for _, sentence := range report.Sentences() {
		fmt.Fprintln(os.Stderr, sentence)
	}
	fmt.Printf("%s: %d documents, %.0f tokens each; %s, %d lanes of %d tokens\n", o.path, text.Documents(),
		float64(text.Tokens())/float64(text.Documents()), cfg.Model.Name, cfg.Training.BatchSize, cfg.Model.SegmentLen())
	b, err := newBench(cfg, text)
	if err != nil {
		return err
	}
	return b.compare(o)
}

// bench is a model with the ways of giving it documents.
type bench struct {
	precision train.Precision
	model     *model.Model
	ways      []*way
}

// way deals the batches of one way.
type way struct {
	name    string
	next    func() (*data.Batch, error)
	streams *model.State
	lanes   int
	// What every round took: useful tokens a second, and their share of all.
	speeds      []float64
	useful, all float64
}

func newBench(cfg *config.Config, text *data.Dataset) (*bench, error) {
	device, err := train.ChooseDevice(cfg.Hardware.Device)
	if err != nil {
		return nil, err
	}
	b := &bench{precision: train.ChoosePrecision(cfg.Training, device)}
	size, length := int(cfg.Training.BatchSize), int(cfg.Model.SegmentLen())
	loader := func(isolate bool) (func() (*data.Batch, error), error) {
		l, err := data.NewLoader(text, data.LoaderOptions{Lanes: size, BatchSize: size, SeqLen: length, Seed: 1, Isolate: isolate})
		return func() (*data.Batch, error) {
			step, err := l.Next(context.Background())
			if err != nil {
				return nil, err
			}
			return step.Micro[0], nil
		}, err
	}
	for _, w := range []struct {
		name    string
		isolate bool
		make    func(next func() (*data.Batch, error)) func() (*data.Batch, error)
	}{
		{"packed, one stream (data.packing=stream)", false, nil},
		{"packed, isolated (data.packing=isolate)", true, nil},
		{"one document a row, padded to the longest of the batch", true, func(next func() (*data.Batch, error)) func() (*data.Batch, error) {
			return (&padder{next: next, rows: size}).batch
		}},
		{"one document a row, padded to model.max_seq_len", true, func(next func() (*data.Batch, error)) func() (*data.Batch, error) {
			return (&padder{next: next, rows: size, least: length}).batch
		}},
	} {
		next, err := loader(w.isolate)
		if err != nil {
			return nil, err
		}
		if w.make != nil {
			next = w.make(next)
		}
		b.ways = append(b.ways, &way{name: w.name, next: next, lanes: size})
	}
	return b, torch.Do(func() {
		m, err := model.New(cfg.Model, tokenizer.NewByte().VocabSize(), device, torch.Float32, 1)
		if err != nil {
			torch.Fail(err)
		}
		b.model = m
		for _, w := range b.ways {
			w.streams = m.NewState(w.lanes)
		}
	})
}

// compare measures all ways, in turns, and prints the table.
func (b *bench) compare(o options) error {
	for round := range o.rounds + 1 { // the first prepares kernels
		for _, w := range b.ways {
			var useful, all int64
			begun := o.clock()
			for range o.steps {
				n, places, err := b.step(w)
				if err != nil {
					return err
				}
				useful, all = useful+n, all+places
			}
			if round > 0 {
				w.speeds = append(w.speeds, float64(useful)/(o.clock()-begun))
				w.useful, w.all = w.useful+float64(useful), w.all+float64(all)
			}
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintf(table, "| documents\t| useful tokens/s\t| useful places\t|\n| ---\t| ---\t| ---\t|\n")
	for _, w := range b.ways {
		slices.Sort(w.speeds)
		fmt.Fprintf(table, "| %s\t| %.0f\t| %.0f %%\t|\n", w.name, w.speeds[len(w.speeds)/2], 100*w.useful/w.all)
	}
	return table.Flush()
}

// step is a forward and a backward pass; it returns the useful tokens and all
// places of the batch.
func (b *bench) step(w *way) (useful, places int64, err error) {
	batch, err := w.next()
	if err != nil {
		return 0, 0, err
	}
	totals := train.TotalsOf([]*data.Batch{batch})
	err = torch.Do(func() {
		train.ResetLanes(w.streams, batch)
		losses := train.Backward(b.model, b.precision, batch, w.streams, totals, nil)
		_ = losses.CrossEntropy.Item() // waits for a GPU
		for _, p := range b.model.Parameters() {
			p.Tensor.SetGrad(nil)
		}
	})
	return totals.Inputs, int64(batch.B * batch.T), err
}
