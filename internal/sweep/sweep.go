// Package sweep runs the jobs of `agiformer train -m` one after another, each
// in a process and a run folder of its own, so that a job that fails or runs
// out of memory takes no other with it. It composes nothing: the caller has
// composed and checked every job before the first one starts.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"agiformer/internal/config"
	"agiformer/internal/exit"
)

// Options are the jobs and how to start them.
type Options struct {
	// Jobs holds one list of overrides a job.
	Jobs [][]string
	// Flags are further flags of `train` for every job, as --config-dir DIR.
	Flags []string
	// Root is the folder of the jobs' run folders 0, 1, 2, ...; empty is
	// multirun/DATE/TIME. A job that sets run.dir goes to run.dir/N instead.
	Root string
	// Program is the binary; empty is this process's own.
	Program        string
	Stdout, Stderr io.Writer
}

// result is how one job ended.
type result struct {
	job  int
	dir  string
	code int
}

// Run runs all jobs in order. A job that fails does not stop the others: the
// error, with exit code 1, names all that failed once the last has ended. A
// signal goes on to the running job, which saves; the jobs after it are not
// started, and the error carries that job's exit code.
func Run(ctx context.Context, o Options) error {
	if len(o.Jobs) == 0 {
		fmt.Fprintln(o.Stdout, "The sweep holds no job; nothing was run.")
		return nil
	}
	if err := o.fill(); err != nil {
		return err
	}
	signals := listen()
	defer signals.stop()
	var failed []result
	for job, overrides := range o.Jobs {
		dir, arguments := o.arguments(job, overrides)
		fmt.Fprintf(o.Stdout, "[%d/%d] %s (%s)\n", job+1, len(o.Jobs), strings.Join(overrides, " "), dir)
		code, err := o.start(ctx, signals, arguments)
		if err != nil {
			return err
		}
		if signals.received() {
			return o.stopped(job, code)
		}
		if code != exit.OK {
			failed = append(failed, result{job, dir, code})
		}
	}
	return summary(o, failed)
}

// fill sets what the caller left to be derived, and makes the root folder.
func (o *Options) fill() error {
	if o.Program == "" {
		program, err := os.Executable()
		if err != nil {
			return fmt.Errorf("cannot find this program's own file to start the sweep's jobs: %w", err)
		}
		o.Program = program
	}
	if o.Root != "" {
		return nil
	}
	root, err := newRoot(time.Now())
	if err != nil {
		return exit.Usage(fmt.Errorf("cannot make the sweep's folder: %w", err))
	}
	o.Root = root
	return nil
}

// newRoot makes multirun/DATE/TIME; a second sweep of the same second gets a
// number, so that two sweeps never share run folders.
func newRoot(now time.Time) (string, error) {
	day := filepath.Join("multirun", now.Format("2006-01-02"))
	if err := os.MkdirAll(day, 0o755); err != nil {
		return "", err
	}
	for attempt := 0; ; attempt++ {
		root := filepath.Join(day, now.Format("15-04-05"))
		if attempt > 0 {
			root += "-" + strconv.Itoa(attempt)
		}
		err := os.Mkdir(root, 0o755)
		if !errors.Is(err, os.ErrExist) {
			return root, err
		}
	}
}

// arguments gives a job's run folder and its command line.
func (o *Options) arguments(job int, overrides []string) (dir string, arguments []string) {
	arguments = append([]string{"train"}, o.Flags...)
	dir = filepath.Join(o.Root, strconv.Itoa(job))
	for _, override := range overrides {
		if own, ok := runDir(override); ok {
			dir = filepath.Join(own, strconv.Itoa(job))
			continue
		}
		arguments = append(arguments, override)
	}
	return dir, append(arguments, "run.dir="+config.Quote(dir))
}

// runDir returns the value of an override of run.dir.
func runDir(override string) (value string, ok bool) {
	key, value, found := strings.Cut(override, "=")
	if !found || strings.TrimLeft(key, "+") != "run.dir" {
		return "", false
	}
	if n := len(value); n >= 2 && (value[0] == '\'' || value[0] == '"') && value[n-1] == value[0] {
		value = strings.ReplaceAll(value[1:n-1], `\`+value[:1], value[:1])
	}
	return value, true
}

func (o *Options) stopped(job, code int) error {
	jobs := len(o.Jobs)
	left := ""
	if rest := jobs - job - 1; rest > 0 {
		left = fmt.Sprintf("; %d of %d jobs were not started", rest, jobs)
	}
	if code == exit.OK {
		fmt.Fprintf(o.Stderr, "The sweep was stopped by a signal in job %d, which saved%s.\n", job, left)
		return nil
	}
	return exit.With(code, fmt.Errorf("the sweep was stopped by a signal in job %d%s", job, left))
}

// summary says at the end which jobs failed.
func summary(o Options, failed []result) error {
	if len(failed) == 0 {
		fmt.Fprintf(o.Stdout, "All %d jobs are done: compare them with agiformer plot %s/*\n", len(o.Jobs), o.Root)
		return nil
	}
	lines := make([]string, len(failed))
	for i, f := range failed {
		lines[i] = fmt.Sprintf("job %d (exit code %d, %s)", f.job, f.code, f.dir)
	}
	return exit.With(exit.Failed, fmt.Errorf("%d of %d jobs of the sweep failed: %s; their messages stand above",
		len(failed), len(o.Jobs), strings.Join(lines, ", ")))
}
