package torch

/*
#cgo CFLAGS: -I${SRCDIR}/../../csrc
#cgo LDFLAGS: -L${SRCDIR}/../../build/link -lagiformer_torch -ldl
*/
import "C"

//go:generate go run ./internal/opgen -root ../..
