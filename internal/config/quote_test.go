package config_test

import (
	"testing"

	"agiformer/internal/config"
)

func TestQuotedValuesAreTakenLiterally(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"a b", "it's", `C:\texts\new`, `ends in \`, `slash \' quote`, `two \\' slashes`, "[1,2]", "a=b"} {
		cfg, err := config.Load(compose(t, "data.train="+config.Quote(value)), known)
		if err != nil {
			t.Errorf("%q: %v", value, err)
		} else if len(cfg.Data.Train) != 1 || cfg.Data.Train[0] != value {
			t.Errorf("%q became %q", value, cfg.Data.Train)
		}
	}
}
