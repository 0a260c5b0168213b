package torch

/*
#include "stub_agiformer.h"
static bool here(void) { return agi_stub_on_worker; }
*/
import "C"

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// All of libtorch runs on one goroutine that is locked to its OS thread: grad
// mode, autocast and the OpenMP pool belong to the thread. A job is a function
// that runs there; handing one over costs tens of microseconds, so a job is a
// whole micro-step or decoded token, never one operation.

type job struct {
	fn   func()
	done chan outcome
}

// outcome is how a job ended: normally (all fields empty), with an error, with
// a panic to raise again, or by runtime.Goexit.
type outcome struct {
	err    error
	panic  *WorkerPanic
	goexit bool
}

// WorkerPanic is what Do raises when a job panicked with something else than
// an error of this package; Stack is the worker's.
type WorkerPanic struct {
	Value any
	Stack []byte
}

// Error shows the value and where on the worker it was raised.
func (p *WorkerPanic) Error() string {
	return fmt.Sprintf("%v\n\nin the torch worker:\n%s", p.Value, p.Stack)
}

// Unwrap gives the value, if it is an error.
func (p *WorkerPanic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

var (
	startMutex sync.Mutex
	jobs       chan job // nil until the libraries are loaded
)

// Do runs fn on the worker and waits for its end. The first Do loads libtorch;
// what is missing is told by its error. An *Error raised in fn, or an error
// given to Fail, is returned; any other panic is raised again here.
// Tensors that fn made and did not keep are freed on every path.
func Do(fn func()) error {
	if onWorker() {
		panic("torch: Do inside Do: the job is already on the worker, call the function directly")
	}
	queue, err := start()
	if err != nil {
		return err
	}
	j := job{fn: fn, done: make(chan outcome, 1)}
	queue <- j
	result := <-j.done
	if result.goexit {
		runtime.Goexit()
	}
	if result.panic != nil {
		panic(result.panic)
	}
	return result.err
}

// onWorker tells whether the caller runs inside a job.
func onWorker() bool { return bool(C.here()) }

// inJob runs fn inside the running job, or in one of its own.
func inJob(fn func()) error {
	if onWorker() {
		fn()
		return nil
	}
	return Do(fn)
}

// start loads the libraries and the worker, once.
func start() (chan job, error) {
	startMutex.Lock()
	defer startMutex.Unlock()
	if jobs != nil {
		return jobs, nil
	}
	if err := load(); err != nil {
		return nil, err
	}
	queue := make(chan job)
	ready := make(chan error)
	go work(queue, ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	jobs = queue
	return jobs, nil
}

// work is the worker's life.
func work(queue chan job, ready chan<- error) {
	runtime.LockOSThread()
	C.agi_stub_enter()
	ready <- prepareThread()
	for j := range queue {
		run(queue, j)
	}
}

// run does one job in a root scope. A test's FailNow inside a job ends this
// goroutine and its thread; another worker then takes the place.
func run(queue chan job, j job) {
	var result outcome
	finished := false
	defer func() {
		if !finished {
			result = classify(recover())
		}
		result.err = firstError(result.err, closeRoot())
		if result.goexit {
			ready := make(chan error, 1)
			go work(queue, ready)
			<-ready
		}
		j.done <- result
	}()
	enter()
	j.fn()
	finished = true
}

// classify sorts out what ended a job early; nil means runtime.Goexit.
func classify(value any) outcome {
	switch v := value.(type) {
	case nil:
		return outcome{goexit: true}
	case *Error:
		return outcome{err: v}
	case failure:
		return outcome{err: v.err}
	}
	return outcome{panic: &WorkerPanic{Value: value, Stack: debug.Stack()}}
}

// closeRoot frees what the job left behind and resets the thread's modes.
func closeRoot() (err error) {
	defer func() {
		if v := recover(); v != nil {
			current = nil
			if e, ok := v.(*Error); ok {
				err = e
				return
			}
			panic(v)
		}
	}()
	root := current
	for root.parent != nil {
		root = root.parent
	}
	root.Exit()
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
