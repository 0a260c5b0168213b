package config

import (
	"fmt"
	"strings"
)

// CheckSupported refuses, in one sentence, what a configuration may ask for but
// a later version brings: multimodal input.
func CheckSupported(cfg *Config) error {
	var parts []string
	later := func(wanted bool, part, instead string) {
		if wanted {
			parts = append(parts, fmt.Sprintf("%s (%s)", part, instead))
		}
	}
	m := cfg.Model
	later(m.UseMultimodal, "image, audio and video input", "set model.use_multimodal=false or use model=text_only")
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("what only a later version brings was asked for: %s", strings.Join(parts, ", "))
}
