package checkpoint

import "encoding/json"

// State is state.json: everything a run needs to go on that is no tensor.
type State struct {
	Step   int64 `json:"step"`   // optimizer steps done
	Tokens int64 `json:"tokens"` // tokens predicted so far
	Bytes  int64 `json:"bytes"`  // bytes of those tokens
	Epoch  int64 `json:"epoch"`  // passes over the training text begun
	// Seconds is the time spent training, over all sessions of the run.
	Seconds float64 `json:"seconds"`
	// Seed is the configuration's.
	Seed int64 `json:"seed"`
	// Generators holds the random generators' states by device, "cpu" always.
	Generators map[string][]byte `json:"generators"`
	// Scaler is nil where no gradient scaler is used.
	Scaler *Scaler `json:"scaler"`
	// Cursor is the data loader's, after the last batch trained on.
	Cursor json.RawMessage `json:"cursor"`
	// BadSteps counts the steps in a row that were not finite, Skipped all.
	BadSteps int64 `json:"bad_steps"`
	Skipped  int64 `json:"skipped"`
	// Evaluated is the last step that was evaluated; Best is the best
	// evaluation so far, nil before the first.
	Evaluated int64       `json:"evaluated"`
	Best      *BestResult `json:"best"`
	// Lanes is gradient_accumulation_steps times batch_size.
	Lanes int64 `json:"lanes"`
	// Threads and the versions decide whether losses are bit-equal.
	Threads  int64    `json:"threads"`
	Device   string   `json:"device"`
	Versions Versions `json:"versions"`
	// Data and Tokenizer are hashes of the training text and the tokenizer.
	Data      string `json:"data"`
	Tokenizer string `json:"tokenizer"`
}

// Scaler is the state of the gradient scaler of float16 training.
type Scaler struct {
	Scale         float64 `json:"scale"`
	GrowthTracker int64   `json:"growth_tracker"`
}

// BestResult is the best evaluation of a run.
type BestResult struct {
	Step        int64   `json:"step"`
	BitsPerByte float64 `json:"bits_per_byte"`
	Loss        float64 `json:"loss"`
}

// Versions says what made the checkpoint.
type Versions struct {
	Agiformer string `json:"agiformer"`
	Torch     string `json:"torch"`
	Go        string `json:"go"`
}
