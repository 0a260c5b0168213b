// Package blackbox tests the program as a user meets it: the real binary in
// processes of their own, its files, its messages and its exit codes.
package blackbox

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	killCount = flag.Int("kills", 5, "number of kill -9 at random moments that a run has to survive")
	killSeed  = flag.Int64("kill-seed", 1, "start of the random moments")
)

// What TestMain prepares for all tests; read-only.
var (
	repository string // the checkout's root
	binary     string // bin/agiformer
	scratch    string // a folder for everything that the tests share
	trainText  string // training text: documents between blank lines
	validText  string // text that training never sees
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "agiformer-blackbox-"); err != nil {
		return fail(err)
	}
	defer os.RemoveAll(scratch)
	if repository, err = filepath.Abs("../.."); err != nil {
		return fail(err)
	}
	if binary, err = build(repository); err != nil {
		return fail(err)
	}
	trainText = filepath.Join(scratch, "train.txt")
	validText = filepath.Join(scratch, "valid.txt")
	if err := os.WriteFile(trainText, []byte(documents(1, 60)), 0o644); err != nil {
		return fail(err)
	}
	if err := os.WriteFile(validText, []byte(documents(2, 6)), 0o644); err != nil {
		return fail(err)
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "the tests could not be prepared:", err)
	return 1
}

// build makes bin/agiformer; AGIFORMER_BIN names one that is there already,
// such as an installed copy.
func build(root string) (string, error) {
	if given := os.Getenv("AGIFORMER_BIN"); given != "" {
		return filepath.Abs(given)
	}
	command := exec.Command("make", "-C", root, "build")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, output)
	}
	return filepath.Join(root, "bin", "agiformer"), nil
}

// documents writes count documents of Turkish sentences from a few words; the
// same number always gives the same text.
func documents(start uint64, count int) string {
	subjects := []string{"Ali", "Ayşe", "küçük çocuk", "öğretmen", "yaşlı kadın", "şoför", "İpek", "güzel kuş"}
	places := []string{"evde", "bahçede", "okulda", "şehirde", "denizin kıyısında", "yolda", "köyde"}
	verbs := []string{"bekliyor", "oturuyor", "güldü", "yürüdü", "şarkı söyledi", "uyuyor", "çalışıyordu"}
	state := start*2862933555777941757 + 3037000493
	pick := func(words []string) string {
		state = state*6364136223846793005 + 1442695040888963407
		return words[(state>>33)%uint64(len(words))]
	}
	var text strings.Builder
	for range count {
		for range 3 + (state>>40)%9 {
			fmt.Fprintf(&text, "%s %s %s. ", pick(subjects), pick(places), pick(verbs))
		}
		text.WriteString("\n\n")
	}
	return text.String()
}
