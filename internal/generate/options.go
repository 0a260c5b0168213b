package generate

import (
	"errors"
	"fmt"
	"math"
	"os"

	"agiformer/internal/config"
)

// Options are what the user asks for. Sampling follows the order of Hugging
// Face's generate: temperature, then the top_k most probable tokens, then the
// smallest set of them whose probability reaches top_p.
type Options struct {
	Checkpoint string // a run folder or a checkpoint's folder
	Prompt     string
	// PromptFile is read instead of Prompt where it is set, every byte of it.
	PromptFile   string
	MaxNewTokens int
	Temperature  float64 // 0 takes the most probable token
	TopK         int     // 0 takes all
	TopP         float64 // 1 takes all
	Seed         int64
	Device       string // auto, cpu, cuda or cuda:N
	AMP          bool   // mixed precision instead of float32
	JSON         bool   // one JSON object instead of streamed text
	// Image, Audio and Video are files for models that take them.
	Image, Audio, Video string
}

// Validate checks what can be checked before anything is loaded.
func (o *Options) Validate() error {
	switch {
	case o.Checkpoint == "":
		return errors.New("generate needs --checkpoint: the folder of a run or of one of its checkpoints")
	case o.PromptFile != "" && o.Prompt != "":
		return errors.New("--prompt and --prompt-file were both given: leave one of them out")
	case o.MaxNewTokens < 1:
		return fmt.Errorf("--max-new-tokens is %d: it must be at least 1", o.MaxNewTokens)
	case !(o.Temperature >= 0) || math.IsInf(o.Temperature, 0):
		return fmt.Errorf("--temperature is %g: it must be a number of 0 (always the most probable token) or more", o.Temperature)
	case o.TopK < 0:
		return fmt.Errorf("--top-k is %d: it must be at least 1, or 0 to take all tokens", o.TopK)
	case !(o.TopP > 0 && o.TopP <= 1):
		return fmt.Errorf("--top-p is %g: it must be more than 0 and at most 1 (all tokens)", o.TopP)
	}
	return nil
}

// Text returns the prompt, of which there must be some.
func (o *Options) Text() ([]byte, error) {
	if o.PromptFile == "" {
		if o.Prompt == "" {
			return nil, errors.New("the prompt is empty: give the text to go on from with --prompt or --prompt-file")
		}
		return []byte(o.Prompt), nil
	}
	text, err := os.ReadFile(o.PromptFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the prompt: %w", err)
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("the prompt is empty: %s holds no text", o.PromptFile)
	}
	return text, nil
}

// CheckInputs refuses inputs that the model does not take.
func (o *Options) CheckInputs(m config.Model) error {
	for _, input := range []struct{ flag, file string }{
		{"--image", o.Image}, {"--audio", o.Audio}, {"--video", o.Video},
	} {
		if input.file != "" && !m.UseMultimodal {
			return fmt.Errorf("%s %s: this checkpoint's model takes text only (model.use_multimodal=false): leave %s out", input.flag, input.file, input.flag)
		}
	}
	return nil
}
