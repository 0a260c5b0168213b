package train

import (
	"errors"
	"math"
	"time"

	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/model/introspection"
	"agiformer/internal/torch"
)

// EvalOptions says how to evaluate.
type EvalOptions struct {
	// Precision of the forward pass, and the device.
	Precision Precision
	// Full adds accuracy's, calibration's and introspection's cost; the loss and
	// the experts' usage are always there.
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
	// Offset is the number of bytes of the document before the token.
	Offset int64 `json:"-"`
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
	// Introspection is nil where the model has none.
	Introspection *IntrospectionResult `json:"introspection,omitempty"`
	// ExpertUsage is the share of the tokens each expert got, [block][expert];
	// nil with one expert.
	ExpertUsage [][]float64 `json:"expert_usage,omitempty"`
	// Info is what a forward pass says of itself, means over all input tokens;
	// memory's step count is that of the longest document.
	Info    *model.Info `json:"info,omitempty"`
	Bytes   int64       `json:"bytes"`  // of the predicted tokens
	Tokens  int64       `json:"tokens"` // predicted
	Seconds float64     `json:"seconds"`
}

// IntrospectionResult tells how well the model knows what it knows.
type IntrospectionResult struct {
	// Iterations of the loop, mean over the predicted tokens.
	Iterations float64 `json:"iterations"`
	// Confidence foretells that the first guess is right, Error that it is wrong.
	Confidence Forecast `json:"confidence"`
	Error      Forecast `json:"error"`
	// SoftmaxMax is the first guess's own probability, which confidence has to beat.
	SoftmaxMax Forecast `json:"softmax_max"`
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
	// How well the first guess's probability, the confidence and the error head
	// foretell what they should; nil where they are not asked for.
	softmaxMax, confidence, wrong *forecast
	iterations                    *torch.Tensor // scalar, sum over predicted tokens
	info                          infoSum
	tokens                        int64
	bytes                         int64
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
		t := TokenLoss{Doc: b.Docs[lane], Pos: b.Starts[lane] + place + 1, ID: target, NLL: losses[i], Offset: b.Offsets[i]}
		if err := e.options.TokenLoss(t); err != nil {
			return err
		}
	}
	return nil
}

// begin makes the streams and the sums.
func (e *evaluator) begin(lanes int) {
	device := e.options.Precision.Device
	e.streams = e.model.NewState(lanes)
	e.nll = torch.Zeros(torch.Float64, device).Keep()
	if !e.options.Full {
		return
	}
	e.softmaxMax = newForecast(device)
	if e.model.Config().UseIntrospection {
		e.confidence, e.wrong = newForecast(device), newForecast(device)
		e.iterations = torch.Zeros(torch.Float64, device).Keep()
	}
}

// forward adds one batch to the sums; it returns the loss of each target,
// [B·T], if they were asked for.
func (e *evaluator) forward(b *data.Batch) []float64 {
	device := e.options.Precision.Device
	if e.streams == nil {
		e.begin(b.B)
	}
	ResetLanes(e.streams, b)
	var out *model.Output
	e.options.Precision.Forward(func() {
		out = e.model.Forward(model.NewInput(b, device), e.streams, model.Options{Info: true})
	})
	e.info.add(out.Info, float64(inputs(b)))
	targets := model.TargetsOf(b, device).View(-1)                                          // [B·T]
	logProbs := out.Logits.View(targets.Size(0), -1).LogSoftmaxTo(-1, torch.Float32)        // [B·T, V]
	valid := targets.NeScalar(0)                                                            // [B·T]
	nll := logProbs.Gather(1, targets.Unsqueeze(1)).Squeeze(1).Neg().ToDType(torch.Float64) // [B·T]
	nll = torch.Where(valid, nll, torch.ZerosLike(nll))                                     // id 0 has probability 0
	e.nll.Add_(nll.Sum())
	if e.options.Full {
		e.addForecasts(logProbs, targets, valid.ToDType(torch.Float64), out.Opinion)
	}
	if e.options.TokenLoss == nil {
		return nil
	}
	return torch.Data[float64](nll)
}

// addForecasts measures how well the probability of the model's first guess, and
// what introspection makes of it, foretell whether the guess is right.
func (e *evaluator) addForecasts(logProbs, targets, valid *torch.Tensor, opinion *introspection.Opinion) {
	best, guess := logProbs.MaxDim(1, false)
	right := guess.Eq(targets).ToDType(torch.Float64)
	e.softmaxMax.add(best.Exp().ToDType(torch.Float64), logit(best.ToDType(torch.Float64)), right, valid)
	if opinion == nil {
		return
	}
	e.iterations.Add_(opinion.Iterations.View(-1).Mul(valid).Sum())
	head := func(f *forecast, logits, happened *torch.Tensor) {
		z := logits.Reshape(-1).ToDType(torch.Float64)
		f.add(z.Sigmoid(), z, happened, valid)
	}
	head(e.confidence, opinion.Confidence, right)
	head(e.wrong, opinion.Error, right.RsubScalar(1))
}

func (e *evaluator) result() (*Result, error) {
	r := &Result{Bytes: e.bytes, Tokens: e.tokens, Loss: math.NaN(), Perplexity: math.NaN(), BitsPerByte: math.NaN()}
	if e.tokens == 0 {
		return r, nil
	}
	var nll float64
	err := torch.Do(func() {
		nll = e.nll.Item()
		e.readForecasts(r)
	})
	if err != nil {
		return nil, err
	}
	r.Loss = nll / float64(e.tokens)
	r.Perplexity = math.Exp(r.Loss)
	r.BitsPerByte = bitsPerByte(nll, e.bytes)
	r.Info = e.info.mean()
	r.ExpertUsage = usageOf(r.Info)
	return r, nil
}

// readForecasts fills in what Full adds.
func (e *evaluator) readForecasts(r *Result) {
	if !e.options.Full {
		return
	}
	softmaxMax, right := e.softmaxMax.read(e.tokens)
	r.Accuracy, r.CalibrationError = right/float64(e.tokens), softmaxMax.CalibrationError
	if e.confidence == nil {
		return
	}
	r.Introspection = &IntrospectionResult{Iterations: e.iterations.Item() / float64(e.tokens), SoftmaxMax: softmaxMax}
	r.Introspection.Confidence, _ = e.confidence.read(e.tokens)
	r.Introspection.Error, _ = e.wrong.read(e.tokens)
}

func (e *evaluator) free() error {
	if e.streams == nil {
		return nil
	}
	return torch.Do(func() {
		e.streams.Free()
		torch.FreeAll([]*torch.Tensor{e.nll, e.iterations})
		for _, f := range []*forecast{e.softmaxMax, e.confidence, e.wrong} {
			f.free()
		}
	})
}

// bitsPerByte turns nats summed over tokens of so many bytes into bits a byte.
func bitsPerByte(nats float64, bytes int64) float64 {
	return nats / math.Ln2 / float64(max(bytes, 1))
}
