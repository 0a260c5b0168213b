package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"agiformer/internal/config/hydra"
)

// Known names what a configuration may choose among and other packages
// register.
type Known struct {
	// Experts are the kinds of experts, for model.expert_types.
	Experts []string
}

// Load turns a composed tree into the typed configuration and validates it:
// unknown keys, wrong types, values out of range and contradictions are errors
// that name the key, the value and where it came from, one sentence a line.
// Parts of the model that a later version brings are not refused here; see
// CheckSupported.
func Load(tree *Tree, known Known) (*Config, error) {
	if missing := tree.Missing(); len(missing) > 0 {
		return nil, fmt.Errorf("these keys have no value yet (???): %s; set each with KEY=VALUE", strings.Join(missing, ", "))
	}
	c := &checker{tree: tree, known: known}
	values := c.typed(tree.Root)
	if err := c.err(); err != nil {
		return nil, err
	}
	v := viper.New()
	if err := v.MergeConfigMap(values); err != nil {
		return nil, err
	}
	cfg := &Config{}
	strict := func(d *mapstructure.DecoderConfig) {
		d.WeaklyTypedInput = false
		d.ErrorUnused = true
	}
	if err := v.Unmarshal(cfg, strict); err != nil {
		return nil, err
	}
	c.validate(cfg)
	return cfg, c.err()
}

// Parse reads a resolved configuration (see ReadFile) from memory and loads it;
// name is shown in messages.
func Parse(data []byte, name string, known Known) (*Config, error) {
	tree, err := hydra.Read(data, name)
	if err != nil {
		return nil, err
	}
	return Load(tree, known)
}

// checker collects everything that is wrong with a configuration.
type checker struct {
	tree   *Tree
	known  Known
	errors []error
}

func (c *checker) err() error { return errors.Join(c.errors...) }

// fail notes an error about a key: its value, where it came from, and what is
// expected.
func (c *checker) fail(key, format string, args ...any) {
	where := key
	if n, err := c.tree.Lookup(key); err == nil {
		where = fmt.Sprintf("%s is %s (%s)", key, n.Brief(), n.Origin())
	}
	c.errors = append(c.errors, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
}
