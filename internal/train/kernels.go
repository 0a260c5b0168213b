package train

import (
	"agiformer/internal/config"
	"agiformer/internal/torch"
)

// kernelMemory is what oneDNN's prepared kernels may take, in bytes; kernelShare is
// what one takes of the largest weight's numbers: 75 kB at width 128 with d_ff 512,
// 1.8 MB at 512 with 2048 (measured, docs/performance.md).
const (
	kernelMemory = 128 << 20
	kernelShare  = 1.7
)

// Kernels returns how many kernels training a model keeps on the CPU
// (torch.KeepKernels): a small model, whose products are short beside a kernel's
// preparation, all it meets.
func Kernels(m config.Model) int {
	return int(min(max(kernelMemory/(kernelShare*float64(m.DModel*m.DFF)), torch.FewestKernels), 1024))
}
