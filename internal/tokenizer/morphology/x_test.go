package morphology

import "testing"

func TestX(t *testing.T) {
	t.Log(len(allomorphs), len(suffixes.next), len(Suffixes()))
	t.Log(Suffixes())
}
