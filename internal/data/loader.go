package data

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// LoaderOptions says how documents become the batches of training.
type LoaderOptions struct {
	// Lanes is the number of streams that move one segment a step:
	// gradient accumulation steps times BatchSize, a multiple of BatchSize.
	Lanes int
	// BatchSize is the number of lanes of a micro-batch.
	BatchSize int
	// SeqLen is the number of inputs of a segment, T.
	SeqLen int
	// Seed chooses the order of the documents.
	Seed int64
	// Prefetch is the number of steps made ready ahead; 0 means 4.
	Prefetch int
	// Isolate says in Batch.Documents where documents end, so that attention
	// and memory go from none to another (data.packing=isolate). No end of a
	// document is an input then: it would be the last thing that the document
	// sees.
	Isolate bool
	// Cursor is that of the last step trained on; nil starts at the beginning.
	Cursor []byte
}

// defaultPrefetch steps are made ready where LoaderOptions does not say.
const defaultPrefetch = 4

// Loader deals documents to lanes, step by step, for ever: after an epoch, in
// which every document is dealt once, the next has another order. A lane is a
// concatenation of documents, each closed by the end-of-document id; the state
// of a stream resets at the start of the segment after one that held a
// document's end. A free lane takes the next document, in lane order.
//
// The sequence of steps depends on the dataset and the options, not on timing
// or Prefetch, and lanes do not depend on BatchSize.
type Loader struct {
	steps     chan result
	cancel    context.CancelFunc
	done      sync.WaitGroup
	waited    atomic.Int64
	restarted int
}

// result is a step or why there is none.
type result struct {
	step *Step
	err  error
}

// NewLoader starts a loader over ds, which must stay open until Close.
func NewLoader(ds *Dataset, opts LoaderOptions) (*Loader, error) {
	if opts.Prefetch == 0 {
		opts.Prefetch = defaultPrefetch
	}
	if opts.Lanes < 1 || opts.BatchSize < 1 || opts.SeqLen < 1 || opts.Prefetch < 1 || opts.Lanes%opts.BatchSize != 0 {
		return nil, fmt.Errorf("a loader of %d lanes, batch size %d, sequence length %d and prefetch %d is not possible: all are at least 1, and lanes a multiple of the batch size",
			opts.Lanes, opts.BatchSize, opts.SeqLen, opts.Prefetch)
	}
	if ds.Documents() == 0 {
		return nil, fmt.Errorf("the training data holds no document: name other files with data.train")
	}
	d, restarted, err := newDealer(ds, opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Loader{steps: make(chan result, opts.Prefetch), cancel: cancel, restarted: restarted}
	l.done.Add(1)
	go func() {
		defer l.done.Done()
		l.produce(ctx, d)
	}()
	return l, nil
}

// produce makes steps until the loader is closed or one fails.
func (l *Loader) produce(ctx context.Context, d *dealer) {
	defer close(l.steps)
	for {
		step, err := d.step()
		select {
		case l.steps <- result{step, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Next returns the data of the next step. An error of the context does not
// lose a step; any other error ends the loader.
func (l *Loader) Next(ctx context.Context) (*Step, error) {
	var r result
	var ok bool
	select {
	case r, ok = <-l.steps:
	default:
		start := time.Now()
		select {
		case r, ok = <-l.steps:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		l.waited.Add(int64(time.Since(start)))
	}
	if !ok {
		return nil, fmt.Errorf("the data loader has ended")
	}
	return r.step, r.err
}

// Waited returns how long Next has waited in all for a step that was not ready.
func (l *Loader) Waited() time.Duration { return time.Duration(l.waited.Load()) }

// Restarted returns the number of open documents that start again with empty
// memory because the cursor is of another number of lanes; 0 as a rule.
func (l *Loader) Restarted() int { return l.restarted }

// Close stops the background work and waits for its end.
func (l *Loader) Close() error {
	l.cancel()
	l.done.Wait()
	return nil
}
