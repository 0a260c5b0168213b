package morphopiece

// Sealed returns a file with the model in it and the hash that it should have.
func Sealed(model []byte) []byte {
	text, err := compactJSON(file{FileType, FileVersion, hashOf(model), model})
	if err != nil {
		return nil // it is no JSON
	}
	return text
}

// NewSmallCounter returns a counter that holds at most limit different spans.
func NewSmallCounter(limit int) *Counter {
	c := NewCounter()
	c.limit = limit
	return c
}

// Types returns how many different spans are held.
func (c *Counter) Types() int { return len(c.counts) }

// NewForgetfulEncoder returns an encoder that remembers four spans.
func (m *Model) NewForgetfulEncoder() *Encoder { return m.newEncoder(1) }
