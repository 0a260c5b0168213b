package checkpoint

import (
	"fmt"

	"agiformer/internal/config"
	"agiformer/internal/tokenizer"
)

// Config returns the configuration that the checkpoint was made under, checked
// against what is known now.
func (c *Checkpoint) Config(known config.Known) (*config.Config, error) {
	data, err := c.ConfigYAML()
	if err != nil {
		return nil, err
	}
	return config.Parse(data, c.file(ConfigFile), known)
}

// Tokenizer returns the tokenizer that the checkpoint's model reads and writes.
func (c *Checkpoint) Tokenizer() (tokenizer.Tokenizer, error) {
	data, err := c.TokenizerJSON()
	if err != nil {
		return nil, err
	}
	tok, err := tokenizer.FromJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.file(TokenizerFile), err)
	}
	return tok, nil
}
