package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"agiformer/internal/exit"
	"agiformer/internal/generate"
	"agiformer/internal/pretrained"
)

func newGenerateCommand() *cobra.Command {
	var o generate.Options
	command := &cobra.Command{
		Use:   "generate --checkpoint DIR --prompt TEXT",
		Short: "Let a checkpoint go on from a prompt",
		Long: `Streams the text that goes on from the prompt, character by character, as it is made. It ends after
--max-new-tokens or where the model ends the document. The prompt is taken as a document's beginning;
text longer than the model's max_seq_len rolls into its memory, so there is no limit to either.
The same --seed gives the same text; without it every call gives another. --temperature 0 is greedy.
SIGINT and SIGTERM stop it after the token at hand, with exit code 1; --json then prints nothing.
--json prints {"prompt","text","ids","logprobs"}; logprobs are the model's own, before temperature and truncation.`,
		Example: `  agiformer generate --checkpoint runs/first --prompt "Bir varmış bir yokmuş, " --seed 1
  agiformer generate --checkpoint runs/first --prompt-file start.txt --max-new-tokens 500 --temperature 0.8
  agiformer generate --checkpoint runs/first --prompt "Ankara" --temperature 0 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.Usage(fmt.Errorf("%q stands without a flag: the text to go on from is given with --prompt TEXT", args[0]))
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			if !command.Flags().Changed("seed") {
				o.Seed = rand.Int64()
			}
			return runGenerate(command, o, command.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.Checkpoint, "checkpoint", "", "a run's folder (its latest checkpoint) or a checkpoint's")
	flags.StringVar(&o.Prompt, "prompt", "", "the text to go on from")
	flags.StringVar(&o.PromptFile, "prompt-file", "", "a file that holds it, every byte of it")
	flags.IntVar(&o.MaxNewTokens, "max-new-tokens", 100, "most tokens to write")
	flags.Float64Var(&o.Temperature, "temperature", 1, "below 1 safer, above 1 more varied, 0 always the most probable token")
	flags.IntVar(&o.TopK, "top-k", 50, "draw from the so many most probable tokens; 0 is all")
	flags.Float64Var(&o.TopP, "top-p", 0.9, "draw from the fewest tokens that together are this probable; 1 is all")
	flags.Int64Var(&o.Seed, "seed", 0, "start of the random draws (default: another each time)")
	flags.StringVar(&o.Device, "device", "auto", "auto, cpu, cuda or cuda:N")
	flags.BoolVar(&o.AMP, "amp", false, "mixed precision as in training, instead of float32")
	flags.BoolVar(&o.JSON, "json", false, "print one JSON object instead of streaming")
	flags.StringVar(&o.Image, "image", "", "an image, for models that take images (none in this version)")
	flags.StringVar(&o.Audio, "audio", "", "a sound, for models that take sound (none in this version)")
	flags.StringVar(&o.Video, "video", "", "a video, for models that take videos (none in this version)")
	return command
}

func runGenerate(command *cobra.Command, o generate.Options, out io.Writer) error {
	if err := o.Validate(); err != nil {
		return exit.Usage(err)
	}
	prompt, err := o.Text()
	if err != nil {
		return exit.Usage(err)
	}
	ctx, stop := untilInterrupted(command) // a signal while a prompt is read ends the process
	defer stop()
	checkpoint, err := pretrained.Open(o.Checkpoint)
	if err != nil {
		return err
	}
	if err := o.CheckInputs(checkpoint.Config.Model); err != nil {
		return exit.Usage(err)
	}
	m, err := checkpoint.Load(o.Device, o.AMP)
	if err != nil {
		return err
	}
	writer := generate.Writer{Model: m.Model, Tokenizer: checkpoint.Tokenizer, Forward: m.Precision.Forward}
	stream := out
	if o.JSON {
		stream = io.Discard
	}
	result, err := writer.Run(ctx, prompt, o, stream)
	if err := errors.Join(err, m.Free()); err != nil {
		return err
	}
	if result.Stopped {
		return generationStopped(o, out)
	}
	if o.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(result)
	}
	_, err = fmt.Fprintln(out)
	return err
}

// generationStopped ends a text that a signal cut short. It is a failure (exit code
// 1), as a stopped evaluation is: there is nothing to go on from.
func generationStopped(o generate.Options, out io.Writer) error {
	err := errors.New("generating was stopped by a signal before its end: the same command starts it again")
	if o.JSON {
		return err
	}
	_, end := fmt.Fprintln(out)
	return errors.Join(err, end)
}
