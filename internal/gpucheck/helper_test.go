package gpucheck_test

import (
	"fmt"
	"os"
	"testing"

	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// device is where the tests run. A CUDA device must be asked for before the first backward pass of the process.
var device = torch.CPU

func TestMain(m *testing.M) {
	name := os.Getenv("AGIFORMER_TEST_DEVICE")
	if name == "" {
		name = "cpu"
	}
	var err error
	if device, err = torch.ParseDevice(name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if device.Type == torch.CUDAType && !torch.CUDAAvailable() {
		fmt.Fprintln(os.Stderr, "AGIFORMER_TEST_DEVICE="+name+", but no CUDA device answers: run agiformer doctor --load")
		os.Exit(2)
	}
	code := m.Run()
	if code == 0 && torch.Live() != 0 {
		fmt.Fprintf(os.Stderr, "%d tensors were left alive\n", torch.Live())
		code = 1
	}
	os.Exit(code)
}

// job runs fn on the worker and fails the test with what it raised.
func job(t *testing.T, fn func()) {
	t.Helper()
	if err := torch.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// models has small shapes of both architectures: every kind of expert and of attention, both memories, introspection,
// and experts that drop tokens. Head widths suit the fused kernels; text_only's memory bank, one head of its whole
// width, is wider than they are made for.
var models = map[string]config.Model{
	"text_only": {
		Name: "text_only", DModel: 192, NLayers: 2, NHeads: 3, DFF: 256, NExperts: 2,
		ExpertTypes: []string{"language", "logic"}, MemorySize: 16, MaxSeqLen: 32, UseMemory: true, MemoryUpdateFreq: 1, EmbeddingContext: 3,
		MoE: config.MoE{LoadBalancingLossWeight: 0.01, LoadBalancingScope: "batch"},
	},
	"full":     full(nil),
	"capacity": full(ptr(0.75)),
}

// full has four experts, two a token, which drop tokens where capacity is given.
func full(capacity *float64) config.Model {
	return config.Model{
		Name: "full", DModel: 64, NLayers: 2, NHeads: 2, DFF: 128, NExperts: 4, EmbeddingFeatures: true,
		ExpertTypes: []string{"language", "logic", "spatial", "causal"}, MemorySize: 16, MaxSeqLen: 32, UseMemory: true, MemoryUpdateFreq: 1, EmbeddingContext: 3,
		UseLinearAttention: true, UseIntrospection: true, MaxIterations: 3,
		MoE:           config.MoE{TopK: ptr(int64(2)), CapacityFactor: capacity, LoadBalancingLossWeight: 0.01, LoadBalancingScope: "batch"},
		Introspection: config.Introspection{LossWeight: 0.1, PonderWeight: 0.01},
	}
}

func ptr[T any](value T) *T { return &value }

// eachModel runs test for each of the models.
func eachModel(t *testing.T, test func(t *testing.T, shape config.Model)) {
	for name, shape := range models {
		t.Run(name, func(t *testing.T) { test(t, shape) })
	}
}

// text is what the models read: Turkish, so that token features take many values.
const text = "Kapıyı açan çocuk, evlerimizden gelen sesleri duydu; 42 kuş göğe yükseldi. " +
	"Deniz kıyısında yürürken gördüklerini arkadaşlarına anlattı, onlar da dinledi. "

// batch returns lanes segments of t bytes each, the last one shorter, from different places of the text, with their
// targets.
func batch(lanes, t int) *data.Batch {
	ids := tokenizer.NewByte().Encode([]byte(text))
	b := &data.Batch{B: lanes, T: t, Lengths: make([]int64, lanes), Reset: make([]bool, lanes)}
	for lane := range lanes {
		labeler, word := tokenizer.NewByte().NewLabeler(), int64(0)
		length := t
		if lane == lanes-1 {
			length -= 5
		}
		b.Lengths[lane] = int64(length)
		for i := range t {
			at := lane*7 + i
			id, target := ids[at%len(ids)], int64(ids[(at+1)%len(ids)])
			if i < length {
				b.TargetCount++
			} else {
				id, target = 0, 0
			}
			label := labeler.Next(id)
			if label.WordStart {
				word++
			}
			b.IDs = append(b.IDs, int64(id))
			b.Targets = append(b.Targets, target)
			b.Types = append(b.Types, int64(label.Type))
			b.Places = append(b.Places, int64(label.Place))
			b.Vowels = append(b.Vowels, int64(label.Vowel))
			b.Words = append(b.Words, word)
		}
	}
	return b
}

// learner is a model with its optimizer, trained on one batch again and again.
type learner struct {
	precision train.Precision
	model     *model.Model
	state     *model.State // of as many streams as the batches have lanes; each step is their next segment
	optimizer *train.Optimizer
}

// newLearner is called inside a job.
func newLearner(t *testing.T, shape config.Model, lanes int, p train.Precision) *learner {
	m, err := model.New(shape, 256, p.Device, torch.Float32, 1)
	if err != nil {
		t.Fatal(err)
	}
	settings := config.Training{LearningRate: 1, WeightDecay: 0.01, Betas: []float64{0.9, 0.999}, Eps: 1e-8}
	return &learner{precision: p, model: m, state: m.NewState(lanes), optimizer: train.NewOptimizer(settings, m.Parameters(), p)}
}

// step takes one optimizer step on b and returns the mean cross-entropy in nats.
func (l *learner) step(b *data.Batch, lr float64) float64 {
	scope := torch.Enter()
	defer scope.Exit()
	losses := train.Backward(l.model, l.precision, b, l.state, train.TotalsOf([]*data.Batch{b}), l.optimizer.Scaler)
	l.optimizer.Step(lr, 1, nil)
	return losses.CrossEntropy.Item() / float64(b.TargetCount)
}

func (l *learner) free() {
	l.optimizer.Free()
	l.state.Free()
	l.model.Free()
}
