package torch_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"agiformer/internal/torch"
)

func TestDoReturnsErrorsAndGoesOn(t *testing.T) {
	t.Parallel()
	mine := errors.New("my own reason")
	if err := torch.Do(func() { torch.Fail(fmt.Errorf("wrapped: %w", mine)) }); !errors.Is(err, mine) {
		t.Errorf("Fail gave %v", err)
	}
	err := torch.Do(func() {
		torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2).Matmul(torch.FromSlice([]float32{1, 2, 3}))
	})
	wantError(t, err, "Matmul of [2 2], [3]", "size mismatch")
	var typed *torch.Error
	if !errors.As(err, &typed) || typed.Op != "Matmul" || len(typed.Shapes) != 2 || typed.OutOfMemory {
		t.Errorf("error %#v is not typed", err)
	}
	do(t, func() {
		if got := torch.Ones(torch.Float32, torch.CPU, 3).Sum().Item(); got != 3 {
			t.Errorf("after an error a sum is %v", got)
		}
	})
}

func TestHugeAllocationIsOutOfMemory(t *testing.T) {
	t.Parallel()
	err := torch.Do(func() { torch.Empty(torch.Float32, torch.CPU, 1<<24, 1<<24) })
	wantError(t, err, "Empty: out of memory: 1125899.9 GB more were asked for")
	var typed *torch.Error
	if !errors.As(err, &typed) || !typed.OutOfMemory {
		t.Errorf("error %v is not marked as out of memory", err)
	}
}

func TestOtherPanicsReachTheCaller(t *testing.T) {
	t.Parallel()
	defer func() {
		p, ok := recover().(*torch.WorkerPanic)
		if !ok || p.Value != "a bug" || !strings.Contains(string(p.Stack), "worker_test.go") {
			t.Errorf("recovered %v", p)
		}
	}()
	_ = torch.Do(func() { panic("a bug") })
	t.Error("the panic was swallowed")
}

func TestDoInsideDoPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if p, ok := recover().(*torch.WorkerPanic); !ok || !strings.Contains(fmt.Sprint(p.Value), "Do inside Do") {
			t.Errorf("recovered %v", p)
		}
	}()
	_ = torch.Do(func() { _ = torch.Do(func() {}) })
}

func TestCallsOutsideAJobAreRefused(t *testing.T) {
	t.Parallel()
	var kept *torch.Tensor
	do(t, func() { kept = torch.Ones(torch.Float32, torch.CPU, 2).Keep() })
	defer do(t, func() { kept.Free() })
	for name, call := range map[string]func(){
		"Add": func() { kept.Add(kept) }, "Enter": func() { torch.Enter() }, "Free": func() { kept.Free() },
		"Item": func() { kept.Item() }, "FromSlice": func() { torch.FromSlice([]int64{1}) },
	} {
		func() {
			defer func() {
				err, _ := recover().(*torch.Error)
				if err == nil {
					t.Errorf("%s outside a job gave no error", name)
					return
				}
				wantError(t, err, name, "outside torch.Do")
			}()
			call()
		}()
	}
}

func TestFailNowInsideAJobLeavesAWorkingWorker(t *testing.T) {
	t.Parallel()
	ended := make(chan bool)
	go func() {
		defer close(ended)
		_ = torch.Do(func() {
			torch.Ones(torch.Float32, torch.CPU, 2)
			runtime.Goexit() // what testing.T.FailNow does
		})
		t.Error("Do returned after Goexit")
	}()
	<-ended
	do(t, func() { torch.Ones(torch.Float32, torch.CPU, 2).Add(torch.Ones(torch.Float32, torch.CPU, 2)) })
}

func TestJobsOfManyGoroutinesRunOneByOne(t *testing.T) {
	t.Parallel()
	var wait sync.WaitGroup
	running, most := 0, 0 // only touched on the worker
	for range 20 {
		wait.Go(func() {
			do(t, func() {
				running++
				most = max(most, running)
				torch.Ones(torch.Float32, torch.CPU, 64, 64).Matmul(torch.Ones(torch.Float32, torch.CPU, 64, 64))
				running--
			})
		})
	}
	wait.Wait()
	if most != 1 {
		t.Errorf("%d jobs ran at once", most)
	}
}

func TestAbsentDeviceIsASentence(t *testing.T) {
	t.Parallel()
	if err := torch.CheckDevice(torch.CPU); err != nil {
		t.Errorf("the CPU: %v", err)
	}
	err := torch.CheckDevice(torch.CUDA(99))
	if err == nil || !strings.Contains(err.Error(), "asked for, but") {
		t.Errorf("a GPU of the number 99: %v", err)
	}
}
