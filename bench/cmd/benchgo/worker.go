package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-viper/mapstructure/v2"

	"agiformer/internal/checkpoint"
	"agiformer/internal/config"
	"agiformer/internal/data"
	"agiformer/internal/model"
	"agiformer/internal/torch"
	"agiformer/internal/train"
)

// worker is the model, the batches and the precision of one measurement.
type worker struct {
	options
	precision train.Precision
	model     *model.Model
	batches   []*data.Batch
	loadedMB  float64 // resident before the model is made, libraries included
	result    map[string]any
}

func newWorker(o options) (*worker, error) {
	w := &worker{options: o, result: map[string]any{}}
	w.precision = train.Precision{Device: o.device, DType: o.dtype, Scaled: o.dtype == torch.Float16 && o.device != torch.CPU}
	cfg, vocab, err := readConfig(filepath.Join(o.folder, "config.json"))
	if err != nil {
		return nil, err
	}
	torch.KeepKernels(train.Kernels(cfg)) // as training does
	if o.threads > 0 {
		if err := torch.SetThreads(o.threads); err != nil {
			return nil, err
		}
	}
	if err := torch.SetDeterministic(true); err != nil { // as training does
		return nil, err
	}
	if w.batches, err = readBatches(filepath.Join(o.folder, "batches.safetensors")); err != nil {
		return nil, err
	}
	err = torch.Do(func() {
		w.loadedMB = memoryMB("VmRSS")
		w.result["threads"], w.result["version"] = torch.Threads(), torch.Version()
		var err error
		if w.model, err = model.New(cfg, vocab, o.device, torch.Float32, 0); err != nil {
			torch.Fail(err)
		}
		if err := w.load(filepath.Join(o.folder, "model.safetensors")); err != nil {
			torch.Fail(err)
		}
	})
	return w, err
}

// readConfig reads the model's keys, as the YAML has them, and the vocabulary.
func readConfig(path string) (cfg config.Model, vocab int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return cfg, 0, err
	}
	var tree struct{ Model map[string]any }
	if err := json.Unmarshal(text, &tree); err != nil {
		return cfg, 0, fmt.Errorf("%s: %w", path, err)
	}
	if err := mapstructure.Decode(tree.Model, &cfg); err != nil {
		return cfg, 0, fmt.Errorf("%s: %w", path, err)
	}
	if cfg.VocabSize == nil {
		return cfg, 0, fmt.Errorf("%s: model.vocab_size is missing: make the folder with bench/prepare.py", path)
	}
	return cfg, int(*cfg.VocabSize), nil
}

// load copies the file's weights into the model, one tensor at a time.
func (w *worker) load(path string) error {
	file, err := checkpoint.OpenFile(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, p := range w.model.Parameters() {
		info, ok := file.Info(p.Name)
		if !ok || fmt.Sprint(info.Shape) != fmt.Sprint(p.Tensor.Shape()) {
			return fmt.Errorf("%s: no tensor %s of shape %v", path, p.Name, p.Tensor.Shape())
		}
		bytes, err := file.Read(p.Name)
		if err != nil {
			return err
		}
		scope := torch.Enter()
		p.Tensor.CopyFrom(torch.FromBytes(bytes, torch.Float32, info.Shape...))
		scope.Exit()
	}
	return nil
}

// memoryMB reads VmHWM (peak) or VmRSS of this process.
func memoryMB(key string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// peakMB is the process's peak memory, on CUDA that of its tensors on the
// device.
func (w *worker) peakMB() (mb float64, err error) {
	if w.device == torch.CPU {
		return memoryMB("VmHWM"), nil
	}
	err = torch.Do(func() { mb = float64(torch.PeakMemory(w.device)) / (1 << 20) })
	return mb, err
}

// wait returns when the device has finished. Called inside a job.
func (w *worker) wait() {
	if w.device != torch.CPU {
		torch.Synchronize(w.device)
	}
}
