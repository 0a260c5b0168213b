package train

import (
	"time"

	"agiformer/internal/data"
	"agiformer/internal/metrics"
	"agiformer/internal/model"
	"agiformer/internal/torch"
)

// loop trains up to training.max_steps, or until it must stop. One turn is one
// optimizer step; what it does is what the lines say, in their order.
func (t *trainer) loop() error {
	t.begun, t.meter.since = time.Now(), time.Now()
	if err := t.catchUp(); err != nil {
		return err
	}
	for t.state.Step < t.cfg.Training.MaxSteps && !t.stop.Requested() {
		step, err := t.loader.Next(t.stop.Context())
		if err != nil && t.stop.Requested() {
			break
		}
		if err != nil {
			return err
		}
		for _, phase := range []func() error{
			func() error { return t.accumulate(step) }, // forward and backward, each micro-batch
			func() error { return t.update(step) },     // clip the gradient, move the weights
			func() error { return t.report(step) },
			t.checkFinite,
			t.evaluateIfDue,
			t.saveIfDue,
		} {
			if err := phase(); err != nil {
				return err
			}
		}
	}
	return t.save()
}

// catchUp makes up for an evaluation that a signal kept the earlier session from,
// and saves it with its step: the step may be the best.
func (t *trainer) catchUp() error {
	before := t.state.Evaluated
	if err := t.evaluateIfDue(); err != nil || t.state.Evaluated == before {
		return err
	}
	return t.save()
}

// accumulate sums the gradient over the step's micro-batches.
func (t *trainer) accumulate(step *data.Step) error {
	totals := TotalsOf(step.Micro)
	for i, batch := range step.Micro {
		err := torch.Do(func() {
			if i == 0 {
				t.meter.begin()
			}
			ResetLanes(t.streams[i], batch)
			t.meter.add(Backward(t.model, t.precision, batch, t.streams[i], totals, t.optimizer.Scaler))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ResetLanes empties the memory of the lanes whose document has changed.
func ResetLanes(s *model.State, b *data.Batch) {
	for lane, reset := range b.Reset {
		if reset {
			s.Reset(lane)
		}
	}
}

// update clips the gradient by its global norm and takes the optimizer's step,
// which is left out, on the device, where loss or gradient is not finite. On a
// CPU the host reads the measurements at once, elsewhere when it reports.
func (t *trainer) update(step *data.Step) error {
	t.state.Step++
	now := t.state.Step
	look := t.precision.Device == torch.CPU || t.reports(now)
	err := torch.Do(func() {
		t.optimizer.Step(t.learningRate(), t.cfg.Training.GradientClip, t.meter.update)
		if look {
			t.reading = t.meter.read(step)
			t.reading.step = now
		}
	})
	t.state.Cursor, t.state.Epoch = step.Cursor, step.Epoch
	t.state.Tokens += step.Targets
	t.state.Bytes += step.Bytes
	t.meter.tokens += step.Targets
	return err
}

// learningRate is that of the present step.
func (t *trainer) learningRate() float64 {
	return LearningRate(t.cfg.Training.LearningRate, t.cfg.Training.WarmupSteps, t.state.Step)
}

// reports tells whether a step has a train line.
func (t *trainer) reports(step int64) bool {
	return step%t.cfg.Logging.LogInterval == 0 || step == 1 || step == t.cfg.Training.MaxSteps
}

// report writes the step's train line, every logging.log_interval steps.
func (t *trainer) report(step *data.Step) error {
	now := t.state.Step
	t.folder.progress.Step(now)
	if !t.reports(now) {
		return nil
	}
	elapsed := time.Since(t.meter.since).Seconds()
	waited := t.loader.Waited()
	event := metrics.Train{
		Event: "train", Step: now,
		Loss: metrics.Number(t.reading.loss), LMLoss: metrics.Number(t.reading.lmLoss),
		LoadBalancingLoss: metrics.Number(t.reading.loadBalancing),
		LR:                metrics.Number(t.learningRate()),
		GradNorm:          metrics.Number(t.reading.gradNorm),
		Tokens:            t.state.Tokens,
		TokensPerSecond:   metrics.Number(float64(t.meter.tokens) / elapsed),
		BitsPerByte:       metrics.Number(t.reading.bitsPerByte),
		DataWait:          metrics.Number((waited - t.meter.waited).Seconds() / elapsed),
		Seconds:           metrics.Number(t.seconds()),
	}
	if t.cfg.Model.UseIntrospection {
		loss := metrics.Number(t.reading.introspection)
		event.IntrospectionLoss = &loss
	}
	t.meter.since, t.meter.waited, t.meter.tokens = time.Now(), waited, 0
	return t.folder.train(event)
}
