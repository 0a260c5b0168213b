package config

import (
	"errors"
	"fmt"
)

// CheckSupported refuses, one sentence each, what a configuration may ask for
// but a later version brings: the spatial and causal experts, linear attention,
// introspection, multimodal input and isolated packing.
func CheckSupported(cfg *Config) error {
	var errs []error
	later := func(wanted bool, format string, args ...any) {
		if wanted {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	m := cfg.Model
	for _, name := range m.ExpertTypes {
		later(name == "spatial" || name == "causal",
			"the %s expert (model.expert_types) comes with a later version: use language and logic", name)
	}
	later(m.UseLinearAttention, "linear attention (model.use_linear_attention) comes with a later version: set it to false")
	later(m.UseIntrospection, "introspection (model.use_introspection) comes with a later version: set it to false")
	later(m.UseMultimodal, "image, audio and video input (model.use_multimodal) comes with a later version: set it to false or use model=text_only")
	later(cfg.Data.Packing == "isolate", "data.packing=isolate comes with a later version: use data.packing=stream")
	return errors.Join(errs...)
}
