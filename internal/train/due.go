package train

import (
	"time"

	"agiformer/internal/checkpoint"
	"agiformer/internal/data"
	"agiformer/internal/words"
)

// evaluateIfDue evaluates on the validation text every training.eval_interval
// steps and after the last one, once a step.
func (t *trainer) evaluateIfDue() error {
	now, every := t.state.Step, t.cfg.Training.EvalInterval
	// A run that goes on with a smaller max_steps is beyond its last step.
	last := now >= t.cfg.Training.MaxSteps && t.state.Evaluated < t.cfg.Training.MaxSteps
	due := last || every > 0 && now%every == 0
	if !due || now == 0 || now == t.state.Evaluated {
		return nil
	}
	defer t.meter.pause(time.Now())
	validation := data.NewEvaluation(t.corpus.valid, EvaluationOptions(t.cfg))
	t.folder.say("step %d: validating, %s to read", now, words.Count(validation.Tokens(), "token"))
	r, finished, err := Evaluate(t.model, validation, EvalOptions{Precision: t.precision, Stop: t.stop.Requested})
	if err != nil || !finished {
		return err
	}
	t.state.Evaluated = now
	t.stale = true // a checkpoint that this step may have already does not know of it
	better := finite(r.BitsPerByte) && (t.state.Best == nil || r.BitsPerByte < t.state.Best.BitsPerByte)
	if better {
		t.state.Best = &checkpoint.BestResult{Step: now, BitsPerByte: r.BitsPerByte, Loss: r.Loss}
	}
	return t.folder.eval(now, r, better)
}

// saveIfDue saves every training.save_interval steps, and whenever the step is
// the best so far.
func (t *trainer) saveIfDue() error {
	every := t.cfg.Training.SaveInterval
	if every > 0 && t.state.Step%every == 0 || t.isBest() {
		return t.save()
	}
	return nil
}

// isBest tells whether the present step is the best so far and is to be kept.
func (t *trainer) isBest() bool {
	return t.cfg.Checkpoint.Best && t.state.Best != nil && t.state.Best.Step == t.state.Step
}

// save writes a checkpoint of the present step, if it has none yet, and lets
// the links follow.
func (t *trainer) save() error {
	now := t.state.Step
	if t.saved == now && !t.stale {
		return nil
	}
	defer t.meter.pause(time.Now())
	s, err := t.snapshot()
	if err != nil {
		return err
	}
	// The metrics up to a checkpoint must outlive a crash as it does.
	if err := t.folder.metrics.Sync(); err != nil {
		return err
	}
	f := t.folder.checkpoints
	if err := checkpoint.Save(f.Path(now), s); err != nil {
		return err
	}
	if err := f.Link(checkpoint.LatestLink, now); err != nil {
		return err
	}
	t.saved, t.stale = now, false
	if t.isBest() {
		if err := f.Link(checkpoint.BestLink, now); err != nil {
			return err
		}
	}
	t.folder.say("step %d: saved %s", now, f.Path(now))
	return f.Prune(now, t.cfg.Checkpoint.KeepLast)
}
