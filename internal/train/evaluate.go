package train

import (
	"errors"
	"math"
	"time"

	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// calibrationBins is the number of equal bins of confidence in the expected
// calibration error (Guo et al. 2017, section 2).
const calibrationBins = 15

// EvalOptions says how to evaluate.
type EvalOptions struct {
	// Precision of the forward pass, and the device.
	Precision Precision
	// Full adds accuracy's and calibration's cost; the loss and the experts'
	// usage are always there.
	Full bool
	// TokenLoss is called for every predicted token, lane by lane of each
	// batch; nil: not at all. Its error ends the evaluation.
	TokenLoss func(TokenLoss) error
	// Stop is asked between batches; nil: never stop.
	Stop func() bool
}

// TokenLoss is one predicted token.
type TokenLoss struct {
	Doc int64   `json:"doc"` // document, from 0
	Pos int64   `json:"pos"` // position in the document, from 0; the first token has no prediction
	ID  int64   `json:"id"`
	NLL float64 `json:"nll"` // nats
}

// Result is what an evaluation found.
type Result struct {
	Loss        float64 `json:"loss"` // nats a token
	Perplexity  float64 `json:"perplexity"`
	BitsPerByte float64 `json:"bits_per_byte"`
	// Accuracy is the share of tokens that were the model's first guess.
	Accuracy float64 `json:"accuracy"`
	// CalibrationError is the expected calibration error of the probability
	// of the first guess.
	CalibrationError float64 `json:"ece"`
	// ExpertUsage is the share of the tokens each expert got, [block][expert];
	// nil with one expert.
	ExpertUsage [][]float64 `json:"expert_usage,omitempty"`
	Bytes       int64       `json:"bytes"`  // of the predicted tokens
	Tokens      int64       `json:"tokens"` // predicted
	Seconds     float64     `json:"seconds"`
}

// Evaluate runs the model over documents, each from its first token with
// memory carried from segment to segment. It draws no random number and uses
// streams of its own, so a training run goes on as if it had not been. The
// bool is false where Stop ended it early; then there is no result. Called
// outside jobs: each batch is one.
func Evaluate(m *model.Model, ev *data.Evaluation, o EvalOptions) (r *Result, finished bool, err error) {
	begun := time.Now()
	e := &evaluator{model: m, options: o}
	defer func() { err = errors.Join(err, e.free()) }()
	for batch, ok := ev.Next(); ok; batch, ok = ev.Next() {
		if o.Stop != nil && o.Stop() {
			return nil, false, nil
		}
		if err := e.batch(batch); err != nil {
			return nil, false, err
		}
	}
	if err := ev.Err(); err != nil {
		return nil, false, err
	}
	if r, err = e.result(); err != nil {
		return nil, false, err
	}
	r.Seconds = time.Since(begun).Seconds()
	return r, true, nil
}

// evaluator sums over batches. The sums stay on the device, in float64.
type evaluator struct {
	model   *model.Model
	options EvalOptions
	streams *model.State
	nll     *torch.Tensor // scalar
	bins    *torch.Tensor // [3, bins]: count, confidence, correct
	usage   [][]float64   // tokens each expert got, [block][expert]
	valid   float64       // input tokens routed
	tokens  int64
	bytes   int64
}

func (e *evaluator) batch(b *data.Batch) error {
	var losses []float64
	err := torch.Do(func() {
		torch.NoGrad(func() { losses = e.forward(b) })
	})
	if err != nil {
		return err
	}
	e.tokens += b.TargetCount
	e.bytes += b.ByteCount
	if e.options.TokenLoss == nil {
		return nil
	}
	for i, target := range b.Targets {
		if target == 0 {
			continue
		}
		lane, place := i/b.T, int64(i%b.T)
		t := TokenLoss{Doc: b.Docs[lane], Pos: b.Starts[lane] + place + 1, ID: target, NLL: losses[i]}
		if err := e.options.TokenLoss(t); err != nil {
			return err
		}
	}
	return nil
}

// forward adds one batch to the sums; it returns the loss of each target,
// [B·T], if they were asked for.
func (e *evaluator) forward(b *data.Batch) []float64 {
	device := e.options.Precision.Device
	if e.streams == nil {
		e.streams = e.model.NewState(b.B)
		e.nll = torch.Zeros(torch.Float64, device).Keep()
		e.bins = torch.Zeros(torch.Float64, device, 3, calibrationBins).Keep()
	}
	for lane, reset := range b.Reset {
		if reset {
			e.streams.Reset(lane)
		}
	}
	var out *model.Output
	e.options.Precision.Forward(func() {
		out = e.model.Forward(model.NewInput(b, device), e.streams, model.Options{Info: true})
	})
	e.addUsage(out.Info, b)
	targets := model.TargetsOf(b, device).View(-1)                                          // [B·T]
	logProbs := out.Logits.View(targets.Size(0), -1).LogSoftmaxTo(-1, torch.Float32)        // [B·T, V]
	valid := targets.NeScalar(0)                                                            // [B·T]
	nll := logProbs.Gather(1, targets.Unsqueeze(1)).Squeeze(1).Neg().ToDType(torch.Float64) // [B·T]
	nll = torch.Where(valid, nll, torch.ZerosLike(nll))                                     // id 0 has probability 0
	e.nll.Add_(nll.Sum())
	if e.options.Full {
		e.addCalibration(logProbs, targets, valid.ToDType(torch.Float64))
	}
	if e.options.TokenLoss == nil {
		return nil
	}
	return torch.Data[float64](nll)
}

// addCalibration sorts the valid tokens into bins by the probability of the
// model's first guess.
func (e *evaluator) addCalibration(logProbs, targets, valid *torch.Tensor) {
	best, guess := logProbs.MaxDim(1, false)
	confidence := best.Exp().ToDType(torch.Float64)
	correct := guess.Eq(targets).ToDType(torch.Float64).Mul(valid)
	last := float64(calibrationBins - 1)
	bin := confidence.MulScalar(calibrationBins).ClampMax(last).ToDType(torch.Int64)
	e.bins.IndexAdd_(1, bin, torch.Stack([]*torch.Tensor{valid, confidence.Mul(valid), correct}, 0))
}

// addUsage weighs the batch's usage by its number of valid inputs.
func (e *evaluator) addUsage(info *model.Info, b *data.Batch) {
	n := float64(inputs(b))
	e.valid += n
	for i, block := range info.Blocks {
		if block.MoE.RouterInfo == nil {
			continue
		}
		for len(e.usage) <= i {
			e.usage = append(e.usage, make([]float64, len(block.MoE.RouterInfo.ExpertUsage)))
		}
		for j, share := range block.MoE.RouterInfo.ExpertUsage {
			e.usage[i][j] += share * n
		}
	}
}

func (e *evaluator) result() (*Result, error) {
	r := &Result{Bytes: e.bytes, Tokens: e.tokens, Loss: math.NaN(), Perplexity: math.NaN(), BitsPerByte: math.NaN()}
	if e.tokens == 0 {
		return r, nil
	}
	var nll float64
	var bins []float64
	if err := torch.Do(func() { nll, bins = e.nll.Item(), torch.Data[float64](e.bins) }); err != nil {
		return nil, err
	}
	r.Loss = nll / float64(e.tokens)
	r.Perplexity = math.Exp(r.Loss)
	r.BitsPerByte = bitsPerByte(nll, e.bytes)
	for i := range calibrationBins {
		confidence, correct := bins[calibrationBins+i], bins[2*calibrationBins+i]
		r.Accuracy += correct / float64(e.tokens)
		r.CalibrationError += math.Abs(confidence-correct) / float64(e.tokens)
	}
	for _, block := range e.usage {
		for j := range block {
			block[j] /= e.valid
		}
	}
	r.ExpertUsage = e.usage
	return r, nil
}

func (e *evaluator) free() error {
	if e.streams == nil {
		return nil
	}
	return torch.Do(func() {
		e.streams.Free()
		torch.FreeAll([]*torch.Tensor{e.nll, e.bins})
	})
}

// bitsPerByte turns nats summed over tokens of so many bytes into bits a byte.
func bitsPerByte(nats float64, bytes int64) float64 {
	return nats / math.Ln2 / float64(max(bytes, 1))
}
