package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
)

func emitGo(ops []*op) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(generated)
	b.WriteString("\npackage torch\n\n/*\n#include \"gen_ops.h\"\n\n")
	for _, o := range ops {
		fmt.Fprintf(&b, "#cgo noescape %[1]s\n#cgo nocallback %[1]s\n", o.cName())
	}
	b.WriteString("*/\nimport \"C\"\n\nimport \"unsafe\"\n")
	for _, o := range ops {
		if err := emitFunc(&b, o); err != nil {
			return nil, err
		}
	}
	src, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the generated Go does not parse: %w", err)
	}
	return src, nil
}

func emitFunc(b *bytes.Buffer, o *op) error {
	goParams, tensors, lists, args, err := o.goParts()
	if err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	fmt.Fprintf(b, "\n// %s is aten::%s.\nfunc ", o.goName, o.text)
	if o.method {
		b.WriteString("(t *Tensor) ")
	}
	fmt.Fprintf(b, "%s(%s) %s {\n", o.goName, strings.Join(goParams, ", "), o.goResult())
	if len(lists) > 0 {
		fmt.Fprintf(b, "scratch := takeScratch(%s)\n", lenSum(lists))
	}
	for _, name := range lists {
		fmt.Fprintf(b, "%[1]sHandles := scratch.handles(%[1]s, %[2]q, %[1]q)\n", name, o.goName)
	}
	switch o.result() {
	case resultOne:
		b.WriteString("var out C.agi_tensor\n")
		args = append(args, "&out")
	case resultTwo:
		b.WriteString("var out [2]C.agi_tensor\n")
		args = append(args, "&out[0]")
	case resultList:
		b.WriteString("var out *C.agi_tensor\nvar n C.int64_t\n")
		args = append(args, "&out", "&n")
	}
	fmt.Fprintf(b, "if err := C.%s(%s); err != nil {\n", o.cName(), strings.Join(args, ", "))
	if len(lists) > 0 {
		fmt.Fprintf(b, "raiseLists(%q, err, []*Tensor{%s}, %s)\n}\n", o.goName, strings.Join(tensors, ", "), strings.Join(lists, ", "))
	} else {
		fmt.Fprintf(b, "raise(%q, err, %s)\n}\n", o.goName, strings.Join(tensors, ", "))
	}
	switch o.result() {
	case resultSelf:
		b.WriteString("return t\n")
	case resultOne:
		fmt.Fprintf(b, "return wrap(%q, out)\n", o.goName)
	case resultTwo:
		fmt.Fprintf(b, "return wrap(%[1]q, out[0]), wrap(%[1]q, out[1])\n", o.goName)
	case resultList:
		fmt.Fprintf(b, "return wrapList(%q, out, n)\n", o.goName)
	}
	b.WriteString("}\n")
	return nil
}

// goParts gives the Go parameters, the names of the tensor and tensor-list
// arguments, and the C call's arguments.
func (o *op) goParts() (params, tensors, lists, args []string, err error) {
	for i := range o.kept {
		k := &o.kept[i]
		bind, err := k.bind()
		if err != nil {
			return nil, nil, nil, nil, err
		}
		name := k.goName
		if i == 0 && o.method {
			name = "t"
		} else {
			typ := bind.goType
			if k.variadic {
				typ = "..." + strings.TrimPrefix(typ, "[]")
			}
			params = append(params, name+" "+typ)
		}
		switch {
		case bind.list:
			lists = append(lists, name)
		case bind.goType == "*Tensor":
			tensors = append(tensors, name)
		}
		label := name
		if name == "t" {
			label = "self"
		}
		args = append(args, fmt.Sprintf(strings.ReplaceAll(bind.call, "%s", "%[1]s")+"%.0[1]s%.0[2]s%.0[3]s", name, o.goName, label))
	}
	return params, tensors, lists, args, nil
}

func (o *op) goResult() string {
	switch o.result() {
	case resultSelf, resultOne:
		return "*Tensor"
	case resultTwo:
		return "(*Tensor, *Tensor)"
	case resultList:
		return "[]*Tensor"
	}
	return ""
}

func lenSum(lists []string) string {
	parts := make([]string, len(lists))
	for i, l := range lists {
		parts[i] = "len(" + l + ")"
	}
	return strings.Join(parts, "+")
}
