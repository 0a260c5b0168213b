package data_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
)

func TestCacheByContent(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	source := write(t, map[string]string{"a.txt": "bir\niki\n"})
	same := write(t, map[string]string{"b.txt": "bir\niki\n"})
	other := write(t, map[string]string{"a.txt": "bir\nüç\n"})
	prepareAll := func(opts data.Options) bool {
		opts.CacheDir = cache
		_, report := prepare(t, opts)
		return report.Cached
	}
	steps := []struct {
		name string
		opts data.Options
		want bool
	}{
		{"new", data.Options{Paths: []string{source}}, false},
		{"again", data.Options{Paths: []string{source}}, true},
		{"the same text elsewhere", data.Options{Paths: []string{same}}, true},
		{"other text", data.Options{Paths: []string{other}}, false},
		{"another split", data.Options{Paths: []string{source}, Split: data.SplitLine}, false},
		{"another bound", data.Options{Paths: []string{source}, MaxDocumentBytes: 3}, false},
		{"a setting that text does not heed", data.Options{Paths: []string{source}, TextField: "body"}, true},
	}
	for _, s := range steps {
		if got := prepareAll(s.opts); got != s.want {
			t.Errorf("%s: cached %v, want %v", s.name, got, s.want)
		}
	}
	if err := os.WriteFile(filepath.Join(source, "a.txt"), []byte("dört\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ds, _ := prepare(t, data.Options{Paths: []string{source}, CacheDir: cache})
	if got := texts(t, ds); !slices.Equal(got, []string{"dört\n"}) {
		t.Errorf("a file that changed gives %q", got)
	}
}

// A shard that is not whole is made again.
func TestDamagedShard(t *testing.T) {
	t.Parallel()
	dir, cache := write(t, map[string]string{"a.txt": "bir\niki\n"}), t.TempDir()
	opts := data.Options{Paths: []string{dir}, CacheDir: cache}
	_, report := prepare(t, opts)
	for _, damage := range []func(path string) error{
		func(path string) error { return os.Truncate(path, 1) },
		os.Remove,
		func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
	} {
		files, err := os.ReadDir(report.Folders[0])
		if err != nil || len(files) == 0 {
			t.Fatal("the shard's folder is empty", err)
		}
		for _, f := range files {
			if err := damage(filepath.Join(report.Folders[0], f.Name())); err != nil {
				t.Fatal(err)
			}
			ds, again := prepare(t, opts)
			if got := texts(t, ds); again.Cached || !slices.Equal(got, []string{"bir\niki\n"}) {
				t.Errorf("%s damaged: cached %v, documents %q", f.Name(), again.Cached, got)
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	cache := t.TempDir()
	dir := write(t, map[string]string{"a.txt": "bir"})
	if _, _, err := data.Prepare(ctx, data.Options{Paths: []string{dir}, CacheDir: cache}, tokenizer.NewByte()); err == nil {
		t.Fatal("a cancelled preparation gave a dataset")
	}
	left, err := filepath.Glob(filepath.Join(cache, "data", "*.tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("a cancelled preparation left %v (%v)", left, err)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.txt": strings.Repeat("satır\n", 1000), "b.txt": "son"})
	var last, size int64
	prepare(t, data.Options{Paths: []string{dir}, Progress: func(done, total int64) {
		if done < last || done > total {
			t.Errorf("progress went from %d to %d of %d", last, done, total)
		}
		last, size = done, total
	}})
	if want := int64(7003); last != want || size != want {
		t.Errorf("progress ended at %d of %d, want %d", last, size, want)
	}
}

// Many at once, in this process and in others, get the same shard.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	dir, cache := write(t, map[string]string{"a.txt": strings.Repeat("bir satır\n", 200_000)}), t.TempDir()
	var all sync.WaitGroup
	for i := range 6 {
		all.Add(1)
		go func() {
			defer all.Done()
			if i%2 == 0 {
				if out, err := child(t, "prepare", dir, cache).CombinedOutput(); err != nil {
					t.Errorf("another process: %v: %s", err, out)
				}
				return
			}
			ds, _, err := data.Prepare(context.Background(), data.Options{Paths: []string{dir}, CacheDir: cache}, tokenizer.NewByte())
			if err != nil {
				t.Error(err)
				return
			}
			if ds.Tokens() != 2_200_000 {
				t.Errorf("%d tokens, want 2200000", ds.Tokens())
			}
			if err := ds.Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	left, err := filepath.Glob(filepath.Join(cache, "data", "*.tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("unfinished work was left: %v (%v)", left, err)
	}
}

// A process that prepares, holds out, trains on and evaluates a text far larger
// than its memory stays small.
func TestMemory(t *testing.T) {
	t.Parallel()
	// 350 MB of text in a small file, cut into documents of 64 kB.
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "a.txt.zst"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(file)
	if err != nil {
		t.Fatal(err)
	}
	block := strings.Repeat("Bahçede oynayan çocukların gülüşü uzaktan geliyordu.\n", 20_000)
	for i := range 300 {
		if _, err := fmt.Fprintf(z, "%d\n%s", i, block); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := child(t, "memory", dir, t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fields := strings.Fields(string(out))
	tokens, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || tokens < 300e6 {
		t.Fatalf("the child prepared %s tokens, want over 300 million", fields[0])
	}
	peak, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	const most = 200_000
	if peak > most {
		t.Errorf("the peak of resident memory is %d kB for %d tokens, want at most %d", peak, tokens, most)
	}
}

// child is this test program as another process, which does job.
func child(t *testing.T, job, dir, cache string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^TestChild$")
	command.Env = append(os.Environ(), "DATA_TEST_JOB="+job, "DATA_TEST_DIR="+dir, "DATA_TEST_CACHE="+cache)
	return command
}

// TestChild does the job of another process; by itself it has none.
func TestChild(t *testing.T) {
	job := os.Getenv("DATA_TEST_JOB")
	if job == "" {
		return
	}
	opts := data.Options{Paths: []string{os.Getenv("DATA_TEST_DIR")}, CacheDir: os.Getenv("DATA_TEST_CACHE"), MaxDocumentBytes: 65536}
	ds, _, err := data.Prepare(context.Background(), opts, tokenizer.NewByte())
	if err != nil {
		t.Fatal(err)
	}
	defer ds.Close()
	if job != "memory" {
		return
	}
	train, valid, err := ds.HoldOut(0.5)
	if err != nil {
		t.Fatal(err)
	}
	l := load(t, train, data.LoaderOptions{Lanes: 32, BatchSize: 8, SeqLen: 512})
	for range 500 {
		take(t, l, 1)
	}
	read(t, data.NewEvaluation(valid, data.EvaluationOptions{BatchSize: 8, SeqLen: 512, MaxTokens: 1 << 20}))
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println(ds.Tokens(), strings.Fields(rest)[0])
}
