package main

import (
	"fmt"
	"regexp"
	"strings"
)

// binding says how one kind of argument travels from Go through C to C++.
type binding struct {
	goType string // parameter type in Go
	c      string // C parameters, %s is the argument's name
	cpp    string // C++ expression of the operator's argument, %s likewise
	call   string // Go expression of the C arguments; %[1]s Go name, %[2]s operator, %[3]s argument
	list   bool   // a list of tensors: needs scratch space for its handles
}

var bindings = map[string]binding{
	"Tensor":     {goType: "*Tensor", c: "agi_tensor %s", cpp: "ref(%s)", call: `%[1]s.use("%[2]s", "%[3]s")`},
	"Tensor?":    {goType: "*Tensor", c: "agi_tensor %s", cpp: "opt(%s)", call: `%[1]s.useOptional("%[2]s", "%[3]s")`},
	"Tensor[]":   {goType: "[]*Tensor", c: "const agi_tensor *%[1]s, int64_t %[1]s_len", cpp: "list(%[1]s, %[1]s_len)", call: `(*C.agi_tensor)(unsafe.SliceData(%[1]sHandles)), C.int64_t(len(%[1]s))`, list: true},
	"int":        {goType: "int64", c: "int64_t %s", cpp: "%s", call: "C.int64_t(%[1]s)"},
	"int?":       {goType: "*int64", c: "const int64_t *%s", cpp: "opt(%s)", call: "(*C.int64_t)(%[1]s)"},
	"int!":       {goType: "int64", c: "int64_t %s", cpp: "%s", call: "C.int64_t(%[1]s)"},
	"float":      {goType: "float64", c: "double %s", cpp: "%s", call: "C.double(%[1]s)"},
	"float?":     {goType: "*float64", c: "const double *%s", cpp: "opt(%s)", call: "(*C.double)(%[1]s)"},
	"Scalar":     {goType: "float64", c: "double %s", cpp: "to_scalar(%s)", call: "C.double(%[1]s)"},
	"Scalar?":    {goType: "*float64", c: "const double *%s", cpp: "opt_scalar(%s)", call: "(*C.double)(%[1]s)"},
	"bool":       {goType: "bool", c: "bool %s", cpp: "%s", call: "C.bool(%[1]s)"},
	"bool!":      {goType: "bool", c: "bool %s", cpp: "%s", call: "C.bool(%[1]s)"},
	"int[]":      {goType: "[]int64", c: "const int64_t *%[1]s, int64_t %[1]s_len", cpp: "ints(%[1]s, %[1]s_len)", call: "(*C.int64_t)(unsafe.SliceData(%[1]s)), C.int64_t(len(%[1]s))"},
	"int[]?":     {goType: "[]int64", c: "const int64_t *%[1]s, int64_t %[1]s_len", cpp: "opt_ints(%[1]s, %[1]s_len)", call: "(*C.int64_t)(unsafe.SliceData(%[1]s)), C.int64_t(len(%[1]s))"},
	"SymInt[]":   {goType: "[]int64", c: "const int64_t *%[1]s, int64_t %[1]s_len", cpp: "c10::fromIntArrayRefSlow(ints(%[1]s, %[1]s_len))", call: "(*C.int64_t)(unsafe.SliceData(%[1]s)), C.int64_t(len(%[1]s))"},
	"str":        {goType: "string", c: "const char *%[1]s, int64_t %[1]s_len", cpp: "str(%[1]s, %[1]s_len)", call: "(*C.char)(unsafe.Pointer(unsafe.StringData(%[1]s))), C.int64_t(len(%[1]s))"},
	"ScalarType": {goType: "DType", c: "int8_t %s", cpp: "to_dtype(%s)", call: "C.int8_t(%[1]s)"},
	"Generator?": {goType: "*Generator", c: "agi_generator %s", cpp: "opt_generator(%s)", call: `%[1]s.use("%[2]s")`},
}

func init() {
	bindings["SymInt"] = bindings["int"]
	bindings["SymInt?"] = bindings["int?"]
	bindings["SymInt!"] = bindings["int!"]
	bindings["ScalarType!"] = bindings["ScalarType"]
}

var sizedList = regexp.MustCompile(`\[\d+\]`)

// bind finds the binding of a kept argument.
func (k *keptArg) bind() (binding, error) {
	typ := sizedList.ReplaceAllString(k.typ, "[]")
	if k.plain {
		typ = strings.TrimSuffix(typ, "?") + "!"
	}
	b, ok := bindings[typ]
	if !ok {
		return b, fmt.Errorf("argument %s: opgen knows no binding for %s", k.name, typ)
	}
	return b, nil
}

var enumDefaults = map[string]string{
	"None": "std::nullopt", "True": "true", "False": "false", "[]": "{}",
	"Mean": "at::Reduction::Mean", "contiguous_format": "at::MemoryFormat::Contiguous",
	"long": "at::kLong", "float": "at::kFloat",
}

// defaultOf is the C++ expression of an argument that was left out.
func defaultOf(a arg) (string, error) {
	typ := sizedList.ReplaceAllString(a.typ, "[]")
	if a.def == "" {
		if strings.HasSuffix(typ, "?") {
			return "std::nullopt", nil
		}
		return "", fmt.Errorf("argument %s has no default", a.name)
	}
	if v, ok := enumDefaults[a.def]; ok {
		if v == "std::nullopt" && strings.HasPrefix(typ, "Tensor") {
			return "std::optional<at::Tensor>()", nil
		}
		return v, nil
	}
	if strings.HasPrefix(a.def, "'") || strings.HasPrefix(a.def, `"`) {
		return `"` + strings.Trim(a.def, `'"`) + `"`, nil
	}
	if strings.HasSuffix(strings.TrimSuffix(typ, "?"), "[]") && !strings.HasPrefix(a.def, "[") {
		return "c10::SymInt(" + a.def + ")", nil
	}
	return a.def, nil
}
