package morphology_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"agiformer/internal/tokenizer/morphology"
)

func TestTrainingTwiceGivesTheSame(t *testing.T) {
	t.Parallel()
	again, err := trainSmall()
	if err != nil {
		t.Fatal(err)
	}
	a, errA := json.Marshal(small())
	b, errB := json.Marshal(again)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("two trainings differ (%v, %v)", errA, errB)
	}
}

func TestRestoredModelIsTheSame(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(small())
	if err != nil {
		t.Fatal(err)
	}
	var restored morphology.Segmenter
	if err := json.Unmarshal(data, &restored); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&restored)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("storing the restored model gives something else (%v)", err)
	}
	for _, w := range append([]string{"evlerimizden", "gelmeyecektik", "Washingtonlular"}, oddWords...) {
		a, b := small().Analyses([]byte(w), 3), restored.Analyses([]byte(w), 3)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%q: %v before storing, %v after", w, a, b)
		}
	}
}

func TestBrokenModelsAreRefused(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(small())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"format":  {`"agiformer-morphology"`, `"other"`},
		"version": {`"version":1`, `"version":99`},
		"grammar": {`"grammar":"`, `"grammar":"0`},
		"stem":    {`"ağız n`, `"AĞIZ n`},
		"pos":     {`"ağız n`, `"ağız z`},
		"count":   {`"ağız n 0`, `"ağız n 0 -5`},
		"order":   {`"ağız n`, `"zzz n`},
		"weights": {`"weights":"`, `"weights":"!`},
		"shape":   {`"shape":["`, `"shape":["","`},
	} {
		broken := strings.Replace(string(data), change[0], change[1], 1)
		if broken == string(data) {
			t.Fatalf("%s: %q is not in the stored model", name, change[0])
		}
		var s morphology.Segmenter
		if err := json.Unmarshal([]byte(broken), &s); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error is %v, want one sentence", name, err)
		}
	}
}

// Without gold, the roots come from the words that share them.
func TestTrainWithoutGold(t *testing.T) {
	t.Parallel()
	_, words, err := smallGold()
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"masa", "kalem", "defter", "pencere", "öğretmen"} {
		for _, suffix := range []string{"", "ler", "de", "den", "ye", "si", "lerde", "lerden"} {
			words[harmonise(root, suffix)] += 2
		}
	}
	s, err := morphology.Train(context.Background(), words, nil, nil, morphology.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"defter|ler|de", "pencere|ler|den"} {
		if got := segment(s, strings.ReplaceAll(want, "|", "")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := morphology.Train(context.Background(), nil, nil, nil, morphology.Options{}); err == nil {
		t.Error("training on nothing is no error")
	}
}

// harmonise joins a root and a suffix spelt with e, for roots that end as the
// suffix needs.
func harmonise(root, suffix string) string {
	last := root[strings.LastIndexAny(root, "aeö"):]
	if !strings.HasPrefix(last, "a") {
		return root + suffix
	}
	return root + strings.NewReplacer("e", "a", "i", "ı").Replace(suffix)
}
