package torch

/*
#include <stdlib.h>
#include "agiformer_torch.h"
*/
import "C"

import "unsafe"

// Profile runs fn inside a job under libtorch's profiler and writes the trace to path, in the JSON format of Chrome's
// tracing: each operation that fn starts on the host, those of its backward passes included, and with a GPU as dev each
// kernel. It waits for dev first and last, so that the trace holds fn's kernels and no others. It cannot be nested; a
// path that cannot be written is libtorch's log line, not an error.
func Profile(dev Device, path string, fn func()) {
	const op = "Profile"
	Synchronize(dev)
	if e := C.agi_profile_begin(C.bool(dev.Type == CUDAType)); e != nil {
		raise(op, e)
	}
	defer func() {
		Synchronize(dev)
		name := C.CString(path)
		defer C.free(unsafe.Pointer(name))
		if e := C.agi_profile_end(name); e != nil {
			raise(op, e)
		}
	}()
	fn()
}
