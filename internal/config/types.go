package config

// Config is a composed, typed and validated configuration. Lengths are in
// tokens unless a field says otherwise; nil means "derive" or "off", as the
// field says. The keys and defaults are described in conf/.
type Config struct {
	Model      Model      `mapstructure:"model"`
	Tokenizer  Tokenizer  `mapstructure:"tokenizer"`
	Training   Training   `mapstructure:"training"`
	Data       Data       `mapstructure:"data"`
	Hardware   Hardware   `mapstructure:"hardware"`
	Logging    Logging    `mapstructure:"logging"`
	Checkpoint Checkpoint `mapstructure:"checkpoint"`
	Run        Run        `mapstructure:"run"`
	// Sweep is nil in the configurations of runs that older versions made.
	Sweep *Sweep `mapstructure:"sweep"`
	// Seed starts every random generator: weights, dropout, order of the data.
	Seed int64 `mapstructure:"seed"`
}

// Model is the network's shape and the parts that are switched on.
type Model struct {
	// Name of the variant; shown in logs, otherwise without effect.
	Name string `mapstructure:"name"`
	// VocabSize is nil or equal to the tokenizer's.
	VocabSize *int64 `mapstructure:"vocab_size"`
	// DModel is the width d of the residual stream.
	DModel int64 `mapstructure:"d_model"`
	// NLayers is the number of blocks.
	NLayers int64 `mapstructure:"n_layers"`
	// NHeads is the number of attention heads; each is DModel/NHeads wide.
	NHeads int64 `mapstructure:"n_heads"`
	// DFF is the width inside the experts' feed-forward layers.
	DFF int64 `mapstructure:"d_ff"`
	// NExperts is the number of experts a block; 1 has no router.
	NExperts int64 `mapstructure:"n_experts"`
	// ExpertTypes names each expert by its kind.
	ExpertTypes []string `mapstructure:"expert_types"`
	// BlockExperts lists, block by block, the places in ExpertTypes of the
	// experts that are there, ascending; empty: all in every block (see
	// ExpertsOf).
	BlockExperts [][]int64 `mapstructure:"block_experts"`
	// MemorySize is the number of slots in the memory bank.
	MemorySize int64 `mapstructure:"memory_size"`
	// MaxSeqLen is the length of a segment.
	MaxSeqLen int64 `mapstructure:"max_seq_len"`
	// EmbeddingContext is the number of tokens K that a token's embedding is
	// made of: its own and the K-1 before it.
	EmbeddingContext int64 `mapstructure:"embedding_context"`
	// EmbeddingFeatures adds the vectors of a token's type, place in the word and
	// vowel class to its embedding.
	EmbeddingFeatures bool `mapstructure:"embedding_features"`
	// Dropout is the probability on embeddings and residual branches.
	Dropout float64 `mapstructure:"dropout"`

	UseLinearAttention bool `mapstructure:"use_linear_attention"`
	UseMemory          bool `mapstructure:"use_memory"`
	UseIntrospection   bool `mapstructure:"use_introspection"`
	UseMultimodal      bool `mapstructure:"use_multimodal"`

	// MaxSegmentLen is the number of tokens whose inputs and states the working
	// memory holds; nil means 4 · MaxSeqLen (see WorkingMemoryLen).
	MaxSegmentLen *int64 `mapstructure:"max_segment_len"`
	// MemoryParts is "both", or "working" or "bank" for that part alone.
	MemoryParts string `mapstructure:"memory_parts"`
	// MemoryUpdateFreq is the number of segments from one write to the memory
	// bank to the next.
	MemoryUpdateFreq int64 `mapstructure:"memory_update_freq"`
	// MaxIterations bounds the introspection loop.
	MaxIterations int64 `mapstructure:"max_iterations"`
	// NCrossModalLayers is the number of cross-attention layers between text
	// and the other modalities.
	NCrossModalLayers int64 `mapstructure:"n_cross_modal_layers"`
	// MoE says how tokens are routed to experts.
	MoE MoE `mapstructure:"moe"`
	// Introspection weighs the introspection loop's loss terms.
	Introspection Introspection `mapstructure:"introspection"`
}

// MoE configures the router of every block.
type MoE struct {
	// TopK is the number of experts a token visits; nil derives it (see
	// Model.TopK).
	TopK *int64 `mapstructure:"top_k"`
	// CapacityFactor bounds an expert's tokens a lane in training to
	// ceil(factor · k · T / E); nil never drops a token.
	CapacityFactor *float64 `mapstructure:"capacity_factor"`
	// LoadBalancingLossWeight is w in w · E · Σ_e (mean router weight of e)².
	LoadBalancingLossWeight float64 `mapstructure:"load_balancing_loss_weight"`
	// RouterZLossWeight is z in z · mean (log Σ_e exp(router logit of e))².
	RouterZLossWeight float64 `mapstructure:"router_z_loss_weight"`
	// LoadBalancingScope takes that mean over the micro-batch ("batch") or
	// over each lane ("sequence").
	LoadBalancingScope string `mapstructure:"load_balancing_scope"`
}

// Introspection configures the loop of the last block (Model.UseIntrospection).
type Introspection struct {
	// LossWeight multiplies the cross-entropies of the error and confidence
	// heads, means over the targets.
	LossWeight float64 `mapstructure:"loss_weight"`
	// PonderWeight multiplies the mean ponder cost, the iterations of a token
	// and what was left of its halting probability at the last.
	PonderWeight float64 `mapstructure:"ponder_weight"`
}

// Tokenizer chooses how text becomes ids.
type Tokenizer struct {
	// Name is "byte" (UTF-8 bytes, 256 ids), "morphopiece" or "unigram".
	Name string `mapstructure:"name"`
	// Path is the file of a trained tokenizer; nil for one that needs none, or
	// that is trained on the training text first.
	Path *string `mapstructure:"path"`
	// VocabSize is the number of ids of a tokenizer that is trained; nil for
	// the byte tokenizer. So are the keys below.
	VocabSize *int64 `mapstructure:"vocab_size"`
	// Mode is "plain" or "fused".
	Mode *string `mapstructure:"mode"`
	// Gold is a file of words with their morphemes.
	Gold *string `mapstructure:"gold"`
	// Lexicon is a word list in hunspell's format.
	Lexicon *string `mapstructure:"lexicon"`
}

// Training is the optimisation.
type Training struct {
	// BatchSize is the number of lanes of one micro-batch on one rank.
	BatchSize int64 `mapstructure:"batch_size"`
	// LearningRate is the peak, reached after WarmupSteps steps.
	LearningRate float64 `mapstructure:"learning_rate"`
	// WarmupSteps is w in lr(s) = LearningRate · min(s/w, sqrt(w/s)).
	WarmupSteps int64 `mapstructure:"warmup_steps"`
	// MaxSteps is the number of optimizer steps of the whole run.
	MaxSteps int64 `mapstructure:"max_steps"`
	// GradientAccumulationSteps is the number of micro-batches a step.
	GradientAccumulationSteps int64 `mapstructure:"gradient_accumulation_steps"`
	// GradientClip bounds the global norm of the gradient; 0 is off.
	GradientClip float64 `mapstructure:"gradient_clip"`
	// Optimizer is "adamw".
	Optimizer string `mapstructure:"optimizer"`
	// UseAMP switches mixed precision on.
	UseAMP bool `mapstructure:"use_amp"`
	// AMPDtype is "float16" or "bfloat16".
	AMPDtype string `mapstructure:"amp_dtype"`
	// WeightDecay is AdamW's decoupled decay; norms, biases and embeddings
	// are left out.
	WeightDecay float64 `mapstructure:"weight_decay"`
	// Betas are AdamW's two decay rates.
	Betas []float64 `mapstructure:"betas"`
	// Eps is AdamW's term in the denominator.
	Eps float64 `mapstructure:"eps"`
	// SaveInterval is the number of steps between checkpoints; 0 saves only
	// at the end.
	SaveInterval int64 `mapstructure:"save_interval"`
	// EvalInterval is the number of steps between evaluations; 0 evaluates
	// only at the end.
	EvalInterval int64 `mapstructure:"eval_interval"`
	// GradientCheckpointing recomputes activations in the backward pass.
	GradientCheckpointing bool `mapstructure:"gradient_checkpointing"`
	// MaxBadSteps is the number of steps in a row with a loss or gradient
	// that is not finite after which the run stops.
	MaxBadSteps int64 `mapstructure:"max_bad_steps"`
}

// Data says what is read and how it is cut into documents.
type Data struct {
	// Train lists files, folders and globs; empty when data.train is null.
	Train []string `mapstructure:"train"`
	// Valid is like Train; empty (null) holds out 5 % of train's documents,
	// the same for every seed.
	Valid []string `mapstructure:"valid"`
	// TextField is the field of JSONL and Parquet records that holds the text.
	TextField string `mapstructure:"text_field"`
	// Split cuts plain text into documents: "file", "blank_line" or "line".
	Split string `mapstructure:"split"`
	// MaxDocumentBytes cuts longer documents at the next line end (bytes).
	MaxDocumentBytes int64 `mapstructure:"max_document_bytes"`
	// Packing is "stream" (a lane is a concatenation of documents) or
	// "isolate" (likewise, but no document knows of another).
	Packing string `mapstructure:"packing"`
	// OnError is "skip" (count and go on) or "fail" for broken records.
	OnError string `mapstructure:"on_error"`
	// EvalTokens bounds the tokens of an evaluation while training; nil
	// takes all of the validation text.
	EvalTokens *int64 `mapstructure:"eval_tokens"`
	// EvalSkipBytes is the number of bytes at the start of each validation
	// document that an evaluation while training does not predict.
	EvalSkipBytes int64 `mapstructure:"eval_skip_bytes"`
}

// Hardware says where the numerics run.
type Hardware struct {
	// Device is "auto", "cpu", "cuda" or "cuda:N".
	Device string `mapstructure:"device"`
	// Threads is the number of CPU threads of the numerics; nil is all cores.
	Threads *int64 `mapstructure:"threads"`
}

// Logging says what a run reports.
type Logging struct {
	// LogInterval is the number of steps between metric lines.
	LogInterval int64 `mapstructure:"log_interval"`
	// TensorBoard writes event files into the run folder.
	TensorBoard bool `mapstructure:"tensorboard"`
}

// Checkpoint says which checkpoints are kept.
type Checkpoint struct {
	// KeepLast is the number of newest checkpoints kept beside the best.
	KeepLast int64 `mapstructure:"keep_last"`
	// Best keeps the checkpoint with the lowest validation bits per byte.
	Best bool `mapstructure:"best"`
}

// Run is one run's folder and limits.
type Run struct {
	// Dir is the run folder.
	Dir string `mapstructure:"dir"`
	// MaxHours stops the run after so many hours, after saving; nil is off.
	MaxHours *float64 `mapstructure:"max_hours"`
	// RequeueExitCode is the exit code after a signal or MaxHours, when the
	// run saved and wants to go on; nil means 0.
	RequeueExitCode *int64 `mapstructure:"requeue_exit_code"`
	// CompareWith is a JSON file {"bits_per_byte":..,"run":..,"step":..} with
	// the best finished run so far. A run that ends replaces it when its best
	// validation bits per byte are lower (or the file does not exist), and
	// otherwise exits with code 3. nil compares with nothing.
	CompareWith *string `mapstructure:"compare_with"`
}

// Sweep says what `train -m` runs; a single run takes no notice of it.
type Sweep struct {
	// Dir is the folder of the jobs' run folders; nil is multirun/DATE/TIME.
	Dir *string `mapstructure:"dir"`
	// Rows are run one after another; empty (null) runs the command line.
	Rows []Row `mapstructure:"rows"`
	// Only names the rows to run; empty (null) runs all.
	Only []string `mapstructure:"only"`
}

// Row is a configuration that a sweep trains, once with each seed: a line of
// the table that the sweep ends in.
type Row struct {
	// Name is the line's, for people.
	Name string `mapstructure:"name"`
	// Overrides come before the command line's, in Hydra's syntax.
	Overrides []string `mapstructure:"overrides"`
	// Seeds are values of Config.Seed; empty (null) takes the one it has.
	Seeds []int64 `mapstructure:"seeds"`
}
