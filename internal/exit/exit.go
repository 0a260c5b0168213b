// Package exit carries the process's exit code along with an error, so that
// any layer can say what kind of failure it met and only main calls os.Exit.
package exit

import "errors"

// The exit codes that scripts rely on.
const (
	OK        = 0  // done; also: stopped by a signal after saving
	Failed    = 1  // the run failed
	BadInput  = 2  // bad usage, configuration or input
	NotBetter = 3  // a nightly run ended and is not better than the best so far
	Requeue   = 75 // stopped by a signal, saved, asks to be started again
)

// coded is an error with the exit code that the process ends with.
type coded struct {
	code int
	err  error
}

func (e *coded) Error() string { return e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

// Usage marks err as the user's to mend (usage, configuration, input): exit
// code 2. It returns nil for nil.
func Usage(err error) error { return With(BadInput, err) }

// With marks err with an exit code. It returns nil for nil; the outermost
// mark counts.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code: code, err: err}
}

// Code returns the exit code for err: 0 for nil, the code it was marked with,
// or 1.
func Code(err error) int {
	if err == nil {
		return OK
	}
	var c *coded
	if errors.As(err, &c) {
		return c.code
	}
	return Failed
}
