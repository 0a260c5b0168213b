package torch_test

import (
	"syscall"
	"testing"

	"agiformer/internal/torch"
)

// What is freed is taken again without the system: a tensor of 20 MB that comes and goes is paged in a few times, not every
// time. EmptyCache gives it back.
func TestFreedMemoryIsKept(t *testing.T) {
	faults := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return u.Minflt
	}
	const megabytes, times = 20, 30
	do(t, func() {
		comeAndGo := func() { torch.Ones(torch.Float32, torch.CPU, megabytes<<18).Free() }
		for range times { // an aligned block wants a hole that is a little larger than itself: the first few find none
			comeAndGo()
		}
		before := faults()
		for range times {
			comeAndGo()
		}
		pages := int64(megabytes << 20 / syscall.Getpagesize())
		if n := faults() - before; n > 2*pages {
			t.Errorf("%d page faults for a tensor of %d pages that came and went %d times", n, pages, times)
		}
		kept := torch.ResidentMemory()
		torch.EmptyCache(torch.CPU)
		if given := kept - torch.ResidentMemory(); given < megabytes<<19 {
			t.Errorf("EmptyCache gave %d bytes back of %d MB that were free", given, megabytes)
		}
	})
}
