package nn

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"agiformer/internal/torch"
)

// Init says how a parameter starts: at Values where given (row-major), else
// normal with deviation Std around Mean, or where Std is 0 value i is
// Mean + i·Slope.
type Init struct {
	Mean, Std, Slope float64
	Values           []float64
}

// Constant starts a parameter at value.
func Constant(value float64) Init { return Init{Mean: value} }

// Values starts a parameter at the given values, row-major, one for each.
func Values(values ...float64) Init { return Init{Values: values} }

// Normal starts a parameter as N(0, std).
func Normal(std float64) Init { return Init{Std: std} }

// Ramp starts a parameter's n values evenly spaced from first to last.
func Ramp(first, last float64, n int64) Init {
	return Init{Mean: first, Slope: (last - first) / float64(max(1, n-1))}
}

// LinearInit is N(0, sqrt(1/(3·fanIn))): GPT-2's 0.02 at width 768.
func LinearInit(fanIn int64) Init { return Normal(math.Sqrt(1 / (3 * float64(fanIn)))) }

// ResidualInit is LinearInit divided by sqrt(2·layers), so that the sum of
// the residual branches does not grow with the depth (Radford et al. 2019).
func ResidualInit(fanIn, layers int64) Init {
	return Normal(LinearInit(fanIn).Std / math.Sqrt(2*float64(layers)))
}

// Spec describes one parameter without making it.
type Spec struct {
	Name  string
	Shape []int64
	Init  Init
	// Decay says whether weight decay acts on it: weights of linear maps only.
	Decay bool
}

// Weight specifies the weight [out, in] of a linear map.
func Weight(name string, out, in int64, init Init) Spec {
	return Spec{Name: name + ".weight", Shape: []int64{out, in}, Init: init, Decay: true}
}

// Table specifies a table of rows, which is not decayed.
func Table(name string, rows, width int64, init Init) Spec {
	return Spec{Name: name, Shape: []int64{rows, width}, Init: init}
}

// Norm specifies the weight and bias [d] of a LayerNorm, which start at 1 and 0.
func Norm(name string, d int64) []Spec {
	return []Spec{
		{Name: name + ".weight", Shape: []int64{d}, Init: Constant(1)},
		{Name: name + ".bias", Shape: []int64{d}},
	}
}

// Prefix returns the specs with prefix and a dot before each name.
func Prefix(prefix string, specs []Spec) []Spec {
	out := make([]Spec, len(specs))
	for i, s := range specs {
		s.Name = prefix + "." + s.Name
		out[i] = s
	}
	return out
}

// Numel returns the number of values of the parameter.
func (s Spec) Numel() int64 {
	n := int64(1)
	for _, size := range s.Shape {
		n *= size
	}
	return n
}

// Make creates the parameter on dev in dt, with gradient, outside all scopes.
// Its values depend on seed, name and shape alone: they are drawn on the CPU
// by a generator of its own, so that neither the device nor another parameter
// changes them.
func (s Spec) Make(dt torch.DType, dev torch.Device, seed uint64) *torch.Tensor {
	scope := torch.Enter()
	defer scope.Exit()
	t := torch.Full(s.Init.Mean, torch.Float32, torch.CPU, s.Shape...)
	if s.Init.Std > 0 {
		g := torch.NewGenerator(torch.CPU, seed^hash(s.Name))
		defer g.Free()
		t.Normal_(s.Init.Mean, s.Init.Std, g)
	}
	if s.Init.Values != nil {
		t = torch.FromSlice(s.Init.Values, s.Shape...)
	}
	if s.Init.Slope != 0 {
		t = t.Add(torch.Arange(s.Numel(), torch.Float32, torch.CPU).MulScalar(s.Init.Slope).View(s.Shape...))
	}
	return t.ToDType(dt).ToDevice(dev).SetRequiresGrad(true).Keep()
}

func hash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails to write
	return h.Sum64()
}

// Params looks parameters up by name below a prefix.
type Params struct {
	prefix string
	all    map[string]*torch.Tensor
	owner  string // of those below root, see Of
	root   string
}

// NewParams serves the parameters of all.
func NewParams(all map[string]*torch.Tensor) Params { return Params{all: all} }

// Sub returns the parameters below name.
func (p Params) Sub(name string) Params {
	p.prefix += name + "."
	return p
}

// Of names who declares the parameters served here, all of them. The error of
// Get says so.
func (p Params) Of(owner string) Params {
	p.owner, p.root = owner, p.prefix
	return p
}

// Get returns the parameter. A missing one, a mistake in the program, ends the
// job with an error that lists those there are of an owner (Of).
func (p Params) Get(name string) *torch.Tensor {
	t, ok := p.all[p.prefix+name]
	if !ok {
		torch.Fail(p.missing(p.prefix + name))
	}
	return t
}

func (p Params) missing(name string) error {
	if p.owner == "" {
		return fmt.Errorf("the model has no parameter %s", name)
	}
	var there []string
	for n := range p.all {
		if n, ok := strings.CutPrefix(n, p.root); ok {
			there = append(there, n)
		}
	}
	slices.Sort(there)
	return fmt.Errorf("%s takes the parameter %s, which its Specs do not declare: they declare %s",
		p.owner, strings.TrimPrefix(name, p.root), strings.Join(there, ", "))
}

// Has says whether the parameter exists.
func (p Params) Has(name string) bool {
	_, ok := p.all[p.prefix+name]
	return ok
}
