// Package gpucheck holds the tests that run on the device that AGIFORMER_TEST_DEVICE names, the CPU without it:
// a CUDA machine runs them as part of `make gpu-check`, every other one as part of `make test`. They hold a device's
// numbers to the CPU's, mixed precision to float32, and the device's memory to the program's scopes.
package gpucheck
