// Command agiformer trains, evaluates and samples AGIFORMER models.
package main

import (
	"fmt"
	"os"

	"agiformer/internal/exit"
)

func main() {
	err := newRootCommand().Execute()
	if err != nil && err.Error() != "" {
		fmt.Fprintln(os.Stderr, "agiformer: "+err.Error())
	}
	os.Exit(exit.Code(err))
}
