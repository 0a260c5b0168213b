package train

import (
	"errors"
	"fmt"
	"io/fs"

	"agiformer/internal/data"
	"agiformer/internal/tokenizer"
	"agiformer/internal/torch"
	"agiformer/internal/vocabulary"
)

// tokenizer returns the run's tokenizer: a checkpoint's own, or the one of the
// configuration, which may have to be trained first. Before that, which takes
// long, it sees to it that the run fits into the memory.
func (r *runner) tokenizer(device torch.Device) (tok tokenizer.Tokenizer, err error) {
	if r.from != nil {
		if tok, err = r.storedTokenizer(); err != nil {
			return nil, err
		}
		err = checkMemory(r.cfg, tok.VocabSize(), device)
	} else {
		var size int
		if size, err = vocabulary.Size(r.cfg.Tokenizer); err != nil {
			return nil, err
		}
		if err = checkMemory(r.cfg, size, device); err != nil {
			return nil, err
		}
		d := r.cfg.Data
		tok, err = vocabulary.Open(r.stop.Context(), r.cfg.Tokenizer, data.Options{
			Paths: d.Train, TextField: d.TextField, OnError: d.OnError, CacheDir: r.options.CacheDir,
		}, r.folder.say)
	}
	if err != nil {
		return nil, err
	}
	if v := r.cfg.Model.VocabSize; v != nil && *v != int64(tok.VocabSize()) {
		return nil, fmt.Errorf("model.vocab_size is %d, and the tokenizer has %d ids: set it to null to take the tokenizer's", *v, tok.VocabSize())
	}
	return tok, nil
}

// storedTokenizer returns the tokenizer that the checkpoint holds. The file that
// tokenizer.path names need not be there any more; if it is, it must hold the
// same one.
func (r *runner) storedTokenizer() (tokenizer.Tokenizer, error) {
	path := r.cfg.Tokenizer.Path
	if path == nil || *path == "" {
		return r.from.Tokenizer()
	}
	named, err := tokenizer.Open(*path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.folder.say("tokenizer.path=%s is not there: taking the checkpoint's tokenizer", *path)
	case err != nil:
		return nil, fmt.Errorf("tokenizer.path: %w; set it to null to take the checkpoint's", err)
	case named.Hash() != r.from.State().Tokenizer:
		return nil, fmt.Errorf("cannot go on from %s: tokenizer.path=%s holds another tokenizer; set it to null to take the checkpoint's, or start another run", r.from.Dir(), *path)
	}
	return r.from.Tokenizer()
}
