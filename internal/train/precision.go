package train

import (
	"agiformer/internal/config"
	"agiformer/internal/torch"
)

// Precision is how a pass through the model computes: where, in which number
// format, and what it keeps.
type Precision struct {
	Device torch.Device
	DType  torch.DType // Float32: no autocast
	Scaled bool        // gradients of float16 need a scaler
	Note   string      // what differs from the configuration, "" if nothing does
	// Recompute keeps only the blocks' inputs for the backward pass, which
	// computes the rest again (training.gradient_checkpointing).
	Recompute bool
}

// ChoosePrecision applies training.use_amp and amp_dtype to a device. A CPU
// has no float16 arithmetic worth using, so there both settings mean bfloat16
// where the cores compute with it, and float32 elsewhere.
func ChoosePrecision(c config.Training, device torch.Device) Precision {
	p := Precision{Device: device, DType: torch.Float32, Recompute: c.GradientCheckpointing}
	if !c.UseAMP {
		return p
	}
	wanted := torch.Float16
	if c.AMPDtype == "bfloat16" {
		wanted = torch.BFloat16
	}
	if device != torch.CPU {
		p.DType, p.Scaled = wanted, wanted == torch.Float16
		return p
	}
	if torch.CPUSupportsBFloat16() {
		p.DType = torch.BFloat16
	}
	if p.DType != wanted {
		p.Note = "training.amp_dtype=" + c.AMPDtype + " means " + p.DType.String() + " on this CPU"
	}
	return p
}

// Forward runs fn under autocast where the precision asks for it.
func (p Precision) Forward(fn func()) {
	if p.DType == torch.Float32 {
		fn()
		return
	}
	torch.Autocast(p.Device.Type, p.DType, fn)
}

// ChooseDevice finds the device that hardware.device names; auto is the first
// CUDA device where there is one.
// Its error says what is missing where the device is not there.
func ChooseDevice(name string) (torch.Device, error) {
	if name != "auto" {
		device, err := torch.ParseDevice(name)
		if err == nil {
			err = torch.CheckDevice(device)
		}
		return device, err
	}
	if torch.CUDAAvailable() {
		return torch.CUDA(0), nil
	}
	return torch.CPU, nil
}
