// Command benchgo is one measured process of the benchmark's Go side:
//
//	benchgo TASK FOLDER [options]
//
// TASK is train (steps, memory, start), generate (tokens a second at batch 1)
// or infer (milliseconds a sequence of a forward pass); FOLDER is what
// bench/prepare.py made. It takes the arguments of bench/worker.py, its
// PyTorch counterpart, and prints one JSON object with the same keys.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"agiformer/internal/torch"
)

// options are the arguments.
type options struct {
	task, folder   string
	device         torch.Device
	dtype          torch.DType
	threads        int
	warmup, steps  int
	prompt, tokens int
	sizes          []int
	profile        string
}

func parse(arguments []string) (options, error) {
	var o options
	if len(arguments) < 2 {
		return o, fmt.Errorf("usage: benchgo train|generate|infer FOLDER [options]")
	}
	o.task, o.folder = arguments[0], arguments[1]
	flags := flag.NewFlagSet("benchgo", flag.ContinueOnError)
	device := flags.String("device", "cpu", "cpu, cuda or cuda:N")
	dtype := flags.String("dtype", "float32", "float32, bfloat16 or float16; the narrow ones under autocast")
	flags.IntVar(&o.threads, "threads", 0, "threads of an operation; 0 is libtorch's choice")
	flags.IntVar(&o.warmup, "warmup", 2, "steps before those that are timed")
	flags.IntVar(&o.steps, "steps", 5, "timed steps, or runs of generate")
	flags.IntVar(&o.prompt, "prompt", 32, "prompt length of generate")
	flags.IntVar(&o.tokens, "tokens", 128, "tokens to generate")
	flags.StringVar(&o.profile, "profile", "", "file for a trace of one more training step, in Chrome's format")
	sizes := flags.String("sizes", "1,8,32", "batch sizes of infer")
	if err := flags.Parse(arguments[2:]); err != nil {
		return o, err
	}
	var err error
	if o.device, err = torch.ParseDevice(*device); err != nil {
		return o, err
	}
	if o.dtype, err = torch.ParseDType(*dtype); err != nil {
		return o, err
	}
	for _, text := range strings.Split(*sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < 1 {
			return o, fmt.Errorf("--sizes %s: %q is not a batch size, give whole numbers with commas between", *sizes, text)
		}
		o.sizes = append(o.sizes, size)
	}
	return o, nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchgo: "+err.Error())
		os.Exit(1)
	}
}

func run(arguments []string) error {
	o, err := parse(arguments)
	if err != nil {
		return err
	}
	tasks := map[string]func(*worker) (map[string]any, error){
		"train": (*worker).train, "generate": (*worker).generate, "infer": (*worker).infer,
	}
	task, ok := tasks[o.task]
	if !ok {
		return fmt.Errorf("there is no task %s: give train, generate or infer", o.task)
	}
	w, err := newWorker(o)
	if err != nil {
		return err
	}
	result, err := task(w)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
