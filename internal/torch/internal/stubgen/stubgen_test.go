package main

import (
	"strings"
	"testing"
)

const header = `
/* a comment; with a declaration: int no(int x); */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
typedef void *Tensor;  // another; one
typedef struct { int a; int b; } pair;
enum { ONE = 1 };
const char *Tensor_Dim(Tensor tensor, int64_t *dim);
void Optimizer_Step(Tensor
    opt);
uint8_t GCPrepared();
const char *Encode(Tensor, int64_t *);
agi_error *agi_version(char **out);
void FreeString(const char *s);
#ifdef __cplusplus
}
#endif
`

func TestHeader(t *testing.T) {
	t.Parallel()
	var got []string
	for _, p := range parseHeader(header) {
		got = append(got, p.result+"|"+p.name+"|"+p.paramList())
	}
	want := []string{
		"const char *|Tensor_Dim|Tensor tensor, int64_t * dim",
		"void|Optimizer_Step|Tensor opt",
		"uint8_t|GCPrepared|void",
		"const char *|Encode|Tensor arg0, int64_t * arg1",
		"agi_error *|agi_version|char ** out",
		"void|FreeString|const char * s",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTrampolines(t *testing.T) {
	t.Parallel()
	protos := parseHeader(header)
	for kind, wants := range map[string][]string{
		"cgotorch": {
			"if (!table.Tensor_Dim) return stub_not_loaded();\n  return table.Tensor_Dim(tensor, dim);",
			"if (!table.Optimizer_Step) return;\n  table.Optimizer_Step(opt);",
			"if (!table.GCPrepared) return 0;", "free((void *)s)", "stub_fill_cgotorch",
		},
		"agiformer": {"if (!agi_stub_on_worker) return agi_stub_outside();\n  return table.agi_version(out);", "stub_fill_agiformer"},
	} {
		source := string(emit(kind, nil, protos))
		for _, want := range wants {
			if !strings.Contains(source, want) {
				t.Errorf("%s: the source lacks %q:\n%s", kind, want, source)
			}
		}
	}
}
