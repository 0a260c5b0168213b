package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// relay holds the signals that a run reacts to. They are passed on to the job
// instead of ending the sweep, so that the job can save first.
type relay struct {
	incoming chan os.Signal
	got      bool
}

func listen() *relay {
	r := &relay{incoming: make(chan os.Signal, 4)}
	signal.Notify(r.incoming, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	return r
}

func (r *relay) stop() { signal.Stop(r.incoming) }

// received says whether a signal was passed on, or came between two jobs.
func (r *relay) received() bool {
	select {
	case <-r.incoming:
		r.got = true
	default:
	}
	return r.got
}

// start runs one job to its end and returns its exit code. A job killed by a
// signal has 128 plus that signal, as shells report it.
func (o *Options) start(ctx context.Context, signals *relay, arguments []string) (int, error) {
	// The job's own process group keeps a terminal's Ctrl-C from reaching it
	// twice, once directly and once passed on. Pdeathsig (it belongs to the
	// thread, hence the lock) ends the job, after saving, if the sweep is
	// killed.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command := exec.Command(o.Program, arguments...)
	command.Stdout, command.Stderr = o.Stdout, o.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := command.Start(); err != nil {
		return 0, fmt.Errorf("cannot start a job of the sweep: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	cancelled := ctx.Done()
	for {
		select {
		case err := <-ended:
			return codeOf(err)
		case received := <-signals.incoming:
			signals.got = true
			_ = command.Process.Signal(received) // it may just have ended
		case <-cancelled:
			cancelled = nil
			signals.got = true
			_ = command.Process.Signal(syscall.SIGTERM)
		}
	}
}

func codeOf(err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	var failure *exec.ExitError
	if !errors.As(err, &failure) {
		return 0, fmt.Errorf("a job of the sweep could not be waited for: %w", err)
	}
	if status, ok := failure.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return failure.ExitCode(), nil
}
