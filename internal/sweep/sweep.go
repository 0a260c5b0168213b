// Package sweep runs the jobs of `agiformer train -m` one after another, each
// in a process and a run folder of its own, so that a job that fails or runs
// out of memory takes no other with it, and ends in a table of what they
// reached. It composes nothing: the caller has composed and checked every job
// before the first one starts.
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
	"agiformer/internal/report"
	"agiformer/internal/words"
)

// Options are the jobs and how to start them.
type Options struct {
	Jobs []config.Job
	// Flags are further flags of `train` for every job, as --config-dir DIR.
	Flags []string
	// Root is the folder of the jobs' run folders and of the table; empty is
	// multirun/DATE/TIME. A job that sets run.dir goes below that instead.
	Root string
	// Resume leaves out the jobs whose run is complete.
	Resume bool
	// Program is the binary; empty is this process's own.
	Program        string
	Stdout, Stderr io.Writer

	derived bool // Root was empty
}

// task is a job with its place.
type task struct {
	config.Job
	dir       string
	arguments []string
	done      bool // its run is complete already
	code      int  // how it ended
}

// Run runs all jobs in order. A job that fails does not stop the others: the
// error, with exit code 1, names all that failed once the last has ended and the
// table is written. A signal goes on to the running job, which saves; the jobs
// after it are not started, and the error carries that job's exit code.
func Run(ctx context.Context, o Options) error {
	if len(o.Jobs) == 0 {
		fmt.Fprintln(o.Stdout, "The sweep holds no job; nothing was run.")
		return nil
	}
	if err := o.fill(); err != nil {
		return err
	}
	tasks, err := o.tasks()
	if err != nil {
		return exit.Usage(err)
	}
	signals := listen()
	defer signals.stop()
	for i := range tasks {
		t := &tasks[i]
		fmt.Fprintf(o.Stdout, "[%d/%d] %s (%s)\n", i+1, len(tasks), strings.Join(t.Overrides, " "), t.dir)
		if t.done {
			fmt.Fprintln(o.Stdout, "The run is complete; nothing is left to do.")
			continue
		}
		if t.code, err = o.start(ctx, signals, t.arguments); err != nil {
			return err
		}
		if signals.received() {
			return o.stopped(i, t.code)
		}
	}
	if err := o.report(tasks); err != nil {
		return err
	}
	return summary(o, tasks)
}

// tasks gives each job its folder and its command line.
func (o *Options) tasks() ([]task, error) {
	tasks := make([]task, len(o.Jobs))
	for i, job := range o.Jobs {
		t := task{Job: job}
		t.dir, t.arguments = o.arguments(job)
		if o.Resume {
			var err error
			if t.done, err = complete(t.dir, job.Tree); err != nil {
				return nil, err
			}
		}
		tasks[i] = t
	}
	return tasks, nil
}

// report prints the table of the runs and writes it, with plots, beside them.
// Where no run has begun there is nothing to tell.
func (o *Options) report(tasks []task) error {
	runs := make([]report.Run, len(tasks))
	for i, t := range tasks {
		runs[i] = report.Run{Line: t.Line, Dir: t.dir}
	}
	table, err := report.New(runs)
	if err != nil || table == nil {
		return err
	}
	if err := table.Write(o.Root); err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.Stdout, "\n%s\nThe table, its numbers and plots: %s\n", table.Markdown(), filepath.Join(o.Root, "table.md"))
	return err
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
	o.Root, o.derived = root, true
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
func (o *Options) arguments(job config.Job) (dir string, arguments []string) {
	arguments = append([]string{"train"}, o.Flags...)
	dir = filepath.Join(o.Root, job.Folder)
	for _, override := range job.Overrides {
		if own, ok := runDir(override); ok {
			dir = filepath.Join(own, job.Folder)
			continue
		}
		arguments = append(arguments, override)
	}
	if job.Row { // the other rows are not this run's business
		arguments = append(arguments, "sweep.rows=null")
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

// stopped says where a sweep was stopped and how it goes on: as an error where
// the job, which was to save, ended with an exit code of its own.
func (o *Options) stopped(job, code int) error {
	jobs := len(o.Jobs)
	left := ""
	if rest := jobs - job - 1; rest > 0 {
		left = fmt.Sprintf("; %d of %d jobs were not started", rest, jobs)
	}
	err := fmt.Errorf("the sweep was stopped by a signal in job %d%s: %s", job, left, o.goOn())
	if code != exit.OK {
		return exit.With(code, err)
	}
	fmt.Fprintf(o.Stderr, "agiformer: %v\n", err)
	return nil
}

// goOn says how the sweep goes on, in the folder where it is.
func (o *Options) goOn() string {
	with := ""
	if !o.Resume {
		with += " --resume auto"
	}
	if o.derived {
		with += " sweep.dir=" + o.Root
	}
	if with != "" {
		with = " with" + with
	}
	return "the same command" + with + " goes on"
}

// summary says at the end which jobs failed.
func summary(o Options, tasks []task) error {
	var failed []string
	for i, t := range tasks {
		if t.code != exit.OK {
			failed = append(failed, fmt.Sprintf("job %d (exit code %d, %s)", i, t.code, t.dir))
		}
	}
	if len(failed) == 0 {
		fmt.Fprintf(o.Stdout, "%s done: compare with agiformer plot %s/*/\n", words.Count(len(tasks), "job"), o.Root)
		return nil
	}
	return exit.With(exit.Failed, fmt.Errorf("%d of %s of the sweep failed: %s; their messages stand above",
		len(failed), words.Count(len(tasks), "job"), strings.Join(failed, ", ")))
}
