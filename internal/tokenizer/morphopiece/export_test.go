package morphopiece

// Sealed returns a file with the model in it and the hash that it should have.
func Sealed(model []byte) []byte {
	text, err := compactJSON(file{FileType, FileVersion, hashOf(model), model})
	if err != nil {
		return nil // it is no JSON
	}
	return text
}
