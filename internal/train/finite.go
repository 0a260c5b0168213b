package train

import "fmt"

// scalerSteps is how often a float16 scaler halves its first scale before it
// falls below 1: so many steps in a row are its ordinary search for a scale.
const scalerSteps = 17

// checkFinite looks at the last reading. A step that was not finite has moved
// no weight, and the streams remember nothing of it that is not finite; after training.max_bad_steps of them in a row the run ends, and
// says what to look at.
func (t *trainer) checkFinite() error {
	r := t.reading
	if r.step != t.state.Step {
		return nil // not read yet
	}
	t.state.BadSteps, t.state.Skipped = r.bad, r.skipped
	if r.bad == 0 {
		return nil
	}
	now := t.state.Step
	t.folder.say("step %d: left out, since it is not finite: loss %v, load balancing %v, gradient norm %v, %d in a row", now, r.lmLoss, r.loadBalancing, r.gradNorm, r.bad)
	limit := t.cfg.Training.MaxBadSteps
	if t.optimizer.Scaler != nil {
		limit += scalerSteps
	}
	if r.bad >= limit {
		return fmt.Errorf("steps %d to %d were not finite (the last: loss %v, gradient norm %v, learning rate %.3g), training.max_bad_steps=%d: "+
			"try a lower training.learning_rate or a longer training.warmup_steps, a lower training.gradient_clip, training.use_amp=false, "+
			"and look in metrics.jsonl whether the loss rose before; %s",
			now-r.bad+1, now, r.lmLoss, r.gradNorm, t.learningRate(), t.cfg.Training.MaxBadSteps, t.lastSaved())
	}
	return nil
}

func finite(x float64) bool { return x-x == 0 }

// lastSaved says where training can go on from.
func (t *trainer) lastSaved() string {
	if t.saved < 0 {
		return "no checkpoint was saved yet"
	}
	return fmt.Sprintf("the checkpoint of step %d is as it was: %s", t.saved, t.folder.checkpoints.Path(t.saved))
}
