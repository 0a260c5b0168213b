package data

import "time"

const (
	// shardSourceBytes is how much of small neighbouring files shares a shard;
	// a larger file has one of its own.
	shardSourceBytes = 64 << 20
	// progressInterval is how often Options.Progress is called.
	progressInterval = 100 * time.Millisecond
)

// groupFiles puts small neighbouring files together.
func groupFiles(files []sourceFile) [][]sourceFile {
	var groups [][]sourceFile
	var size int64
	for _, f := range files {
		if len(groups) == 0 || size+f.size > shardSourceBytes {
			groups, size = append(groups, nil), 0
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], f)
		size += f.size
	}
	return groups
}

// reportProgress calls the caller's progress function until it is stopped.
func (p *preparer) reportProgress(files []sourceFile) (stop func()) {
	if p.opts.Progress == nil {
		return func() {}
	}
	var size int64
	for _, f := range files {
		size += f.size
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.opts.Progress(min(p.read.Load()/p.passes, size), size)
			case <-quit:
				p.opts.Progress(size, size)
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}
