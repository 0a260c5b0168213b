// Package checkpoint keeps a run's state on disk so that nothing saved can be
// lost: a checkpoint is a folder written aside, synced, and renamed into
// place, with the SHA-256 of every file in MANIFEST.json, which is written
// last. Tensors are stored in safetensors files (the format of Hugging Face's
// library of that name) and are read into fresh memory, never mapped.
//
//	RUN/checkpoints/step-00000100/
//	    model.safetensors      parameters by name
//	    optimizer.safetensors  moments by parameter name
//	    streams.safetensors    working memory, banks and counters of every lane
//	    state.json             step, generators, scaler, cursor, threads, versions
//	    config.yaml            the resolved configuration
//	    tokenizer.json         the tokenizer, whole
//	    MANIFEST.json          size and SHA-256 of each of the above
//	RUN/checkpoints/latest, best   links to one of them
package checkpoint
