package config

import (
	"fmt"
	"regexp"
	"strings"

	"agiformer/internal/config/hydra"
	"agiformer/internal/words"
)

// byteVocab is the number of ids of the byte tokenizer.
const byteVocab = 256

// Bounds that only a slip of the hand exceeds; below them counts of parameters
// fit 64 bits.
const (
	maxWidth  = 1 << 16 // of the residual stream
	maxParts  = 1 << 10 // layers, heads, experts, threads
	maxLength = 1 << 24 // tokens, slots, lanes
	mostVocab = 1 << 20 // ids
)

// leastVocab is the smallest vocabulary with pieces: 256 bytes and two marks
// come first.
const leastVocab = 259

// validate checks ranges and contradictions.
func (c *checker) validate(cfg *Config) {
	c.atLeast("seed", cfg.Seed, 0)
	c.model(&cfg.Model)
	c.tokenizer(cfg)
	c.training(&cfg.Training)
	c.data(&cfg.Data)
	c.surroundings(cfg)
	c.sweep(cfg.Sweep)
}

func (c *checker) atLeast(key string, value, low int64) {
	if value < low {
		c.fail(key, "it must be at least %d", low)
	}
}

func (c *checker) between(key string, value, low, high int64) {
	if c.atLeast(key, value, low); value > high {
		c.fail(key, "it must be at most %d", high)
	}
}

// optional is atLeast for a key that may be null.
func (c *checker) optional(key string, value *int64, low int64) {
	if value != nil {
		c.atLeast(key, *value, low)
	}
}

func (c *checker) oneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if a == value {
			return
		}
	}
	hint := ""
	if near := hydra.Nearest(value, allowed); len(near) > 0 {
		hint = fmt.Sprintf(" (did you mean '%s'?)", near[0])
	}
	c.fail(key, "it must be %s%s", strings.Join(allowed, " or "), hint)
}

// within checks low <= value < high; high 0 is no bound.
func (c *checker) within(key string, value, low, high float64) {
	switch {
	case high > 0 && (value < low || value >= high):
		c.fail(key, "it must be at least %g and below %g", low, high)
	case value < low:
		c.fail(key, "it must be at least %g", low)
	}
}

func (c *checker) positive(key string, value float64) {
	if value <= 0 {
		c.fail(key, "it must be greater than 0")
	}
}

func (c *checker) model(m *Model) {
	for _, size := range []struct {
		key         string
		value, high int64
	}{
		{"d_model", m.DModel, maxWidth}, {"d_ff", m.DFF, 4 * maxWidth},
		{"n_layers", m.NLayers, maxParts}, {"n_heads", m.NHeads, maxParts}, {"n_experts", m.NExperts, maxParts},
		{"max_iterations", m.MaxIterations, maxParts}, {"n_cross_modal_layers", m.NCrossModalLayers, maxParts},
		{"memory_size", m.MemorySize, maxLength}, {"max_seq_len", m.MaxSeqLen, maxLength},
		{"memory_update_freq", m.MemoryUpdateFreq, maxLength}, {"embedding_context", m.EmbeddingContext, maxParts},
	} {
		c.between("model."+size.key, size.value, 1, size.high)
	}
	c.optional("model.max_segment_len", m.MaxSegmentLen, 2) // a token is read through its successor
	c.oneOf("model.memory_parts", m.MemoryParts, "both", "working", "bank")
	c.within("model.dropout", m.Dropout, 0, 1)
	c.heads(m)
	c.experts(m)
	c.router(m)
}

// heads checks that attention splits into heads that the fused kernels take.
func (c *checker) heads(m *Model) {
	if m.DModel < 1 || m.NHeads < 1 {
		return
	}
	width := m.DModel / m.NHeads
	switch {
	case m.DModel%m.NHeads != 0:
		c.fail("model.n_heads", "it must divide model.d_model (%d)", m.DModel)
	case width%8 != 0 || width < 16:
		c.fail("model.n_heads", "with model.d_model=%d a head is %d wide, and a head's width must be a multiple of 8 and at least 16", m.DModel, width)
	}
}

func (c *checker) experts(m *Model) {
	if n := int64(len(m.ExpertTypes)); m.NExperts >= 1 && n != m.NExperts {
		c.fail("model.expert_types", "it names %s, but model.n_experts is %d: make them equal", words.Count(n, "expert"), m.NExperts)
	}
	for i, name := range m.ExpertTypes {
		c.oneOf(fmt.Sprintf("model.expert_types[%d]", i), name, c.known.Experts...)
	}
	c.blockExperts(m)
}

// blockExperts checks that every block keeps some of the experts, each once.
func (c *checker) blockExperts(m *Model) {
	if len(m.BlockExperts) == 0 {
		return
	}
	if n := int64(len(m.BlockExperts)); n != m.NLayers {
		c.fail("model.block_experts", "it lists the experts of %s, but model.n_layers is %d: make them equal, or set it to null", words.Count(n, "block"), m.NLayers)
	}
	for i, kept := range m.BlockExperts {
		last := int64(-1)
		for _, e := range kept {
			if e <= last || e >= m.NExperts {
				kept = nil
				break
			}
			last = e
		}
		if len(kept) == 0 {
			c.fail(fmt.Sprintf("model.block_experts[%d]", i), "it must list at least one place in model.expert_types (0 to %d), in ascending order", m.NExperts-1)
		}
	}
}

func (c *checker) router(m *Model) {
	if k := m.MoE.TopK; k != nil && (*k < 1 || *k > m.NExperts) {
		c.fail("model.moe.top_k", "it must be between 1 and model.n_experts (%d), or null", m.NExperts)
	}
	if f := m.MoE.CapacityFactor; f != nil {
		c.positive("model.moe.capacity_factor", *f)
	}
	c.within("model.moe.load_balancing_loss_weight", m.MoE.LoadBalancingLossWeight, 0, 0)
	c.within("model.moe.router_z_loss_weight", m.MoE.RouterZLossWeight, 0, 0)
	c.within("model.introspection.loss_weight", m.Introspection.LossWeight, 0, 0)
	c.within("model.introspection.ponder_weight", m.Introspection.PonderWeight, 0, 0)
	c.oneOf("model.moe.load_balancing_scope", m.MoE.LoadBalancingScope, "batch", "sequence")
}

func (c *checker) tokenizer(cfg *Config) {
	t := &cfg.Tokenizer
	c.oneOf("tokenizer.name", t.Name, "byte", "morphopiece", "unigram")
	switch t.Name {
	case "byte":
		if t.Path != nil {
			c.fail("tokenizer.path", "the byte tokenizer has no file: set it to null")
		}
		if v := cfg.Model.VocabSize; v != nil && *v != byteVocab {
			c.fail("model.vocab_size", "the byte tokenizer has %d ids: set it to %d, or to null to take the tokenizer's", byteVocab, byteVocab)
		}
	case "morphopiece", "unigram":
		c.trainedTokenizer(t, cfg.Model.VocabSize)
	}
}

// trainedTokenizer checks a tokenizer that is trained, or was. modelVocab is
// model.vocab_size.
func (c *checker) trainedTokenizer(t *Tokenizer, modelVocab *int64) {
	if t.Mode != nil {
		c.oneOf("tokenizer.mode", *t.Mode, "plain", "fused")
	}
	if t.VocabSize == nil && t.Path == nil {
		c.fail("tokenizer.vocab_size", "a tokenizer that is trained needs a number of ids, or tokenizer.path a file: tokenizer=%s chooses the group's option, which has them", t.Name)
		return
	}
	if t.VocabSize != nil {
		c.between("tokenizer.vocab_size", *t.VocabSize, leastVocab, mostVocab)
		if t.Path == nil && modelVocab != nil && *modelVocab != *t.VocabSize {
			c.fail("model.vocab_size", "tokenizer.vocab_size is %d: set it to null to take the tokenizer's", *t.VocabSize)
		}
	}
}

func (c *checker) training(t *Training) {
	for _, count := range []struct {
		key        string
		value, low int64
	}{
		{"batch_size", t.BatchSize, 1}, {"warmup_steps", t.WarmupSteps, 0}, {"max_steps", t.MaxSteps, 1},
		{"gradient_accumulation_steps", t.GradientAccumulationSteps, 1},
		{"save_interval", t.SaveInterval, 0}, {"eval_interval", t.EvalInterval, 0}, {"max_bad_steps", t.MaxBadSteps, 1},
	} {
		c.atLeast("training."+count.key, count.value, count.low)
	}
	if t.BatchSize > maxLength || t.GradientAccumulationSteps > maxLength {
		c.fail("training.batch_size", "it and training.gradient_accumulation_steps (%d) must be at most %d", t.GradientAccumulationSteps, maxLength)
	}
	c.positive("training.learning_rate", t.LearningRate)
	c.positive("training.eps", t.Eps)
	c.within("training.gradient_clip", t.GradientClip, 0, 0)
	c.within("training.weight_decay", t.WeightDecay, 0, 0)
	c.oneOf("training.optimizer", t.Optimizer, "adamw")
	c.oneOf("training.amp_dtype", t.AMPDtype, "float16", "bfloat16")
	if len(t.Betas) != 2 {
		c.fail("training.betas", "it must hold two numbers")
	}
	for i, beta := range t.Betas {
		c.within(fmt.Sprintf("training.betas[%d]", i), beta, 0, 1)
	}
}

func (c *checker) data(d *Data) {
	for key, paths := range map[string][]string{"data.train": d.Train, "data.valid": d.Valid} {
		for _, p := range paths {
			if strings.TrimSpace(p) == "" {
				c.fail(key, "a path in it is empty: name a file, a folder or a glob")
			}
		}
	}
	if d.TextField == "" {
		c.fail("data.text_field", "it must name a field")
	}
	c.oneOf("data.split", d.Split, "file", "blank_line", "line")
	c.oneOf("data.packing", d.Packing, "stream", "isolate")
	c.oneOf("data.on_error", d.OnError, "skip", "fail")
	c.atLeast("data.max_document_bytes", d.MaxDocumentBytes, 1)
	c.optional("data.eval_tokens", d.EvalTokens, 1)
	c.atLeast("data.eval_skip_bytes", d.EvalSkipBytes, 0)
}

var deviceName = regexp.MustCompile(`^(auto|cpu|cuda(:[0-9]{1,3})?)$`)

// surroundings checks hardware, logging, checkpoints and the run.
func (c *checker) surroundings(cfg *Config) {
	if !deviceName.MatchString(cfg.Hardware.Device) {
		c.fail("hardware.device", "it must be auto, cpu, cuda or cuda:N")
	}
	if n := cfg.Hardware.Threads; n != nil {
		c.between("hardware.threads", *n, 1, maxParts)
	}
	c.atLeast("logging.log_interval", cfg.Logging.LogInterval, 1)
	c.atLeast("checkpoint.keep_last", cfg.Checkpoint.KeepLast, 1)
	if strings.TrimSpace(cfg.Run.Dir) == "" {
		c.fail("run.dir", "it must name a folder")
	}
	if h := cfg.Run.MaxHours; h != nil {
		c.positive("run.max_hours", *h)
	}
	if code := cfg.Run.RequeueExitCode; code != nil && (*code < 1 || *code > 255) {
		c.fail("run.requeue_exit_code", "it must be between 1 and 255, or null")
	}
	if p := cfg.Run.CompareWith; p != nil && strings.TrimSpace(*p) == "" {
		c.fail("run.compare_with", "it must name a file, or be null")
	}
}
