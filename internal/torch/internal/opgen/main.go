// Command opgen writes the C++ shims and the Go functions of the operators
// that csrc/ops.txt names. Signatures come from libtorch's own
// native_functions.yaml, so a new libtorch is a new run.
//
// It is started by `go generate ./internal/torch`.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", "../..", "the repository's root")
	yaml := flag.String("yaml", "", "native_functions.yaml (default: third_party/libtorch's)")
	flag.Parse()
	if *yaml == "" {
		*yaml = filepath.Join(*root, "third_party", "libtorch", "native_functions.yaml")
	}
	if err := generate(*root, *yaml); err != nil {
		fmt.Fprintln(os.Stderr, "opgen:", err)
		os.Exit(1)
	}
}

// generate writes all files; one whose content stays the same keeps its time
// stamp, so that make has nothing to do.
func generate(root, yaml string) error {
	files, err := outputs(root, yaml)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := writeChanged(filepath.Join(root, name), content); err != nil {
			return err
		}
	}
	return nil
}

// outputs reads both inputs and gives the content of every generated file.
func outputs(root, yaml string) (map[string][]byte, error) {
	schemas, err := readSchemas(yaml)
	if err != nil {
		return nil, err
	}
	ops, err := readOps(filepath.Join(root, "csrc", "ops.txt"), schemas)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"csrc/gen_ops.h": emitHeader(ops)}
	for i, part := range split(ops, cppParts) {
		files[fmt.Sprintf("csrc/gen_ops_%d.cpp", i)] = emitCpp(part)
	}
	files["internal/torch/gen_ops.go"], err = emitGo(ops)
	return files, err
}

// cppParts is how many C++ files share the shims, so that they compile side by side.
const cppParts = 2

func split(ops []*op, n int) [][]*op {
	parts := make([][]*op, n)
	for i, o := range ops {
		k := i * n / len(ops)
		parts[k] = append(parts[k], o)
	}
	return parts
}

func writeChanged(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(content) {
		return nil
	}
	return os.WriteFile(path, content, 0o644)
}
