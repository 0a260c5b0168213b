package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Stopper says when a run must save and end: at SIGTERM, SIGINT or SIGUSR1
// (schedulers send one of them before they kill), at the time limit, or when
// the caller's context ends. It is asked between the steps of everything that
// takes long; nothing is torn from the middle of a step.
type Stopper struct {
	ctx    context.Context // ends when the run must stop
	cancel context.CancelFunc
	reason atomic.Pointer[string]
	quit   chan struct{}
	notify chan os.Signal
}

// NewStopper listens from now on; hours, nil for no limit, are run.max_hours.
// Close ends it.
func NewStopper(parent context.Context, hours *float64) *Stopper {
	s := &Stopper{quit: make(chan struct{}), notify: make(chan os.Signal, 1)}
	s.ctx, s.cancel = context.WithCancel(parent)
	signal.Notify(s.notify, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	go s.listen(hours)
	return s
}

func (s *Stopper) listen(hours *float64) {
	var timeUp <-chan time.Time // nil never fires
	if hours != nil {
		// A Duration ends at 292 years.
		timer := time.NewTimer(time.Duration(min(*hours*float64(time.Hour), math.MaxInt64/2)))
		defer timer.Stop()
		timeUp = timer.C
	}
	for {
		select {
		case sig := <-s.notify:
			s.stop(fmt.Sprintf("signal %v", sig))
		case <-timeUp:
			s.stop("run.max_hours=" + strconv.FormatFloat(*hours, 'f', -1, 64))
		case <-s.quit:
			return
		}
	}
}

// stop records the first reason; later signals change nothing.
func (s *Stopper) stop(reason string) {
	if s.reason.CompareAndSwap(nil, &reason) {
		s.cancel()
	}
}

// Requested tells whether the run must stop.
func (s *Stopper) Requested() bool { return s.ctx.Err() != nil }

// Reason says why, "" while nothing asked for it.
func (s *Stopper) Reason() string {
	if r := s.reason.Load(); r != nil {
		return *r
	}
	if err := s.ctx.Err(); err != nil {
		return err.Error()
	}
	return ""
}

// Context ends when the run must stop, for what waits.
func (s *Stopper) Context() context.Context { return s.ctx }

// Close stops listening; signals have their usual effect again.
func (s *Stopper) Close() {
	signal.Stop(s.notify)
	close(s.quit)
	s.cancel()
}
