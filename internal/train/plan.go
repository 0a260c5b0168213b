package train

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"

	"agiformer/internal/config"
	"agiformer/internal/machine"
	"agiformer/internal/model"
	"agiformer/internal/torch"
	"agiformer/internal/vocabulary"
	"agiformer/internal/words"
)

// Plan is what a configuration will take, without building anything.
type Plan struct {
	Config        *config.Config
	Counts        model.Counts
	Vocab         int
	TokensPerStep int64 // over all lanes of a step
	Training      Memory
	Inference     Memory // one stream, one segment, float32
}

// NewPlan plans a run. It needs no libtorch.
func NewPlan(cfg *config.Config) (*Plan, error) {
	if err := model.Supported(cfg.Model); err != nil {
		return nil, err
	}
	vocab, err := vocabulary.Size(cfg.Tokenizer)
	if err != nil {
		return nil, err
	}
	return newPlan(cfg, vocab), nil
}

// newPlan plans a run with a tokenizer of vocab ids.
func newPlan(cfg *config.Config, vocab int) *Plan {
	p := &Plan{
		Config: cfg, Vocab: vocab, Counts: model.Count(cfg.Model, vocab),
		TokensPerStep: cfg.Training.Lanes() * cfg.Model.SegmentLen(),
	}
	p.Training = trainingMemory(cfg, p.Counts, int64(p.Vocab))
	p.Inference = inferenceMemory(cfg, p.Counts, int64(p.Vocab))
	return p
}

// checkMemory refuses a run on the CPU whose estimate is above all the memory
// that it may use: the kernel would end it without a word.
func checkMemory(cfg *config.Config, vocab int, device torch.Device) error {
	if device.Type != torch.CPUType {
		return nil
	}
	plan := newPlan(cfg, vocab)
	if total := machine.ReadMemory("").Total; plan.exceeds(total) {
		return fmt.Errorf("this run needs about %.0f GB of memory and there are %.0f GB here: lower training.batch_size=%d and raise training.gradient_accumulation_steps instead (the result stays the same), set training.gradient_checkpointing=true, or take a smaller model; --dry-run shows the estimate",
			float64(plan.Training.Total())/1e9, float64(total)/1e9, cfg.Training.BatchSize)
	}
	return nil
}

// exceeds tells whether training takes more than so many bytes; none, where they
// are not known.
func (p *Plan) exceeds(total uint64) bool {
	return total > 0 && uint64(p.Training.Total()) > total
}

// TrainingFLOPs are those of a token of training: the backward pass takes
// twice the forward pass's, and gradient checkpointing a second forward.
func (p *Plan) TrainingFLOPs() float64 {
	if p.Config.Training.GradientCheckpointing {
		return 4 * p.Counts.FLOPs
	}
	return 3 * p.Counts.FLOPs
}

// Print writes the plan for people.
func (p *Plan) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	c := p.Config
	row("model", "%s: %s of width %d, %s, %d a token", c.Model.Name, words.Count(c.Model.NLayers, "layer"), c.Model.DModel, expertsText(c.Model), c.Model.TopK())
	row("parameters", "%s, %s active a token", count(p.Counts.Parameters), count(p.Counts.Active))
	for _, name := range components(p.Counts.ByComponent) {
		row("  "+name, "%s", count(p.Counts.ByComponent[name]))
	}
	row("FLOPs a token", "%.4g forward, %.4g training", p.Counts.FLOPs, p.TrainingFLOPs())
	row("steps", "%d of %s (%s) of %s: %s tokens a step, %s in all", c.Training.MaxSteps,
		words.Count(c.Training.Lanes(), "lane"), batches(c.Training), words.Count(c.Model.SegmentLen(), "token"), count(p.TokensPerStep), count(p.TokensPerStep*c.Training.MaxSteps))
	row("FLOPs in all", "%.4g", p.TrainingFLOPs()*float64(p.TokensPerStep)*float64(c.Training.MaxSteps))
	row("memory, training", "%s", p.Training)
	row("memory, inference", "%s", p.Inference)
	if total := machine.ReadMemory("").Total; total > 0 {
		fits := ""
		if p.exceeds(total) && !strings.HasPrefix(c.Hardware.Device, "cuda") {
			fits = ": training on the CPU does not fit"
		}
		row("memory, machine", "%.1f GiB here%s", float64(total)/(1<<30), fits)
	}
	if vocabulary.Trains(c.Tokenizer) {
		row("tokenizer", "%s, trained on data.train first: the figures are for %d ids, a text of few words gives fewer", c.Tokenizer.Name, p.Vocab)
	}
	row("run folder", "%s", c.Run.Dir)
	return t.Flush()
}

// expertsText counts the experts of a block; where some were pruned, those left
// in all blocks too.
func expertsText(m config.Model) string {
	left := int64(0)
	for i := range m.NLayers {
		left += int64(len(m.ExpertsOf(i)))
	}
	if all := m.NLayers * m.NExperts; left < all {
		return fmt.Sprintf("%s (%d of %d left)", words.Count(m.NExperts, "expert"), left, all)
	}
	return words.Count(m.NExperts, "expert")
}

// batches says how a step's lanes are cut.
func batches(t config.Training) string {
	if t.GradientAccumulationSteps == 1 {
		return "1 micro-batch"
	}
	return fmt.Sprintf("%d micro-batches of %d", t.GradientAccumulationSteps, t.BatchSize)
}

// components sorts the components by size, the largest first.
func components(sizes map[string]int64) []string {
	names := make([]string, 0, len(sizes))
	for name := range sizes {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := sizes[names[i]], sizes[names[j]]
		return a > b || a == b && names[i] < names[j]
	})
	return names
}

// count prints a number with a unit where it is large: 812, 23.4k, 34.6M.
func count(n int64) string {
	switch x := float64(n); {
	case x >= 1e9:
		return fmt.Sprintf("%.4gG", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.4gM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.4gk", x/1e3)
	default:
		return fmt.Sprint(n)
	}
}
