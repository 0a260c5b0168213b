package nn

import (
	"maps"
	"math/bits"
	"slices"

	"agiformer/internal/torch"
)

// Packing lets each document of packed rows attend to itself alone, or each of the
// lanes whose tokens an expert computes in one row. What is computed token by token
// stays packed. On the CPU a kernel of ours attends within runs of float32 rows;
// elsewhere the documents are laid out for an attention as padded rows of their own,
// documents of similar length together, so that no attention over a whole row is
// computed, and no mask is needed. This is the one place that knows how.
type Packing struct {
	runs      []torch.Run
	positions int64
	device    torch.Device
	owner     *torch.Scope // of the layout, which is made where it is first needed
	*padded
}

// padded is the layout as padded rows.
type padded struct {
	groups []group
	// places gathers positions [rows·T] into those of all groups, one after the
	// other.
	places Gather
	// back gathers the positions' results from there. Padding of the rows gets some
	// result, which means nothing.
	back Gather
}

// group is documents of similar length, as a batch of their own.
type group struct{ documents, length int64 }

// shortest is the length up to which documents are laid out together, long that
// up to which those within a factor of two are.
const shortest, long = 16, 64

// NewPacking is for documents of rows that have positions places in all. It returns
// nil where there is none. Its tensors belong to the current scope.
func NewPacking(runs []torch.Run, positions int64, dev torch.Device) *Packing {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r torch.Run) bool { return r.Length == 0 })
	if len(runs) == 0 {
		return nil
	}
	return &Packing{runs: runs, positions: positions, device: dev, owner: torch.Innermost()}
}

// layOut makes the padded layout, once.
func (p *Packing) layOut() {
	if p.padded != nil {
		return
	}
	byLength := map[int64][]torch.Run{}
	for _, r := range p.runs {
		l := paddedLength(r.Length)
		byLength[l] = append(byLength[l], r)
	}
	l := layout{place: slices.Repeat([]int64{none}, int(p.positions))}
	laidOut := &padded{}
	for _, length := range slices.Sorted(maps.Keys(byLength)) {
		before := len(l.position)
		l.add(byLength[length], length)
		laidOut.groups = append(laidOut.groups, group{documents: int64(len(l.position)-before) / length, length: length})
	}
	laidOut.places, laidOut.back = l.gathers(p.device)
	p.owner.Take(laidOut.places.tensors()...)
	p.owner.Take(laidOut.back.tensors()...)
	p.padded = laidOut
}

// none stands for a position without a place and for padding.
const none = -1

// layout collects which position goes where.
type layout struct {
	place    []int64 // of each position, or none
	position []int64 // in each place, or none
}

// add appends documents padded to length places each. What stands in the padding does not matter: attention that is
// causal never shows it to a document, and its own result is never read.
func (l *layout) add(documents []torch.Run, length int64) {
	for _, r := range documents {
		for i := range r.Length {
			l.place[r.Start+i] = int64(len(l.position))
			l.position = append(l.position, r.Start+i)
		}
		l.pad(length - r.Length)
	}
	n := int64(len(documents))
	l.pad((FewShapes(n, 3) - n) * length)
}

func (l *layout) pad(places int64) {
	l.position = append(l.position, slices.Repeat([]int64{none}, int(places))...)
}

// gathers returns the ways to the places and back, in one copy to dev.
func (l *layout) gathers(dev torch.Device) (places, back Gather) {
	n, m := int64(len(l.place)), int64(len(l.position))
	all := torch.FromSlice(slices.Concat(l.place, l.position)).ToDevice(dev)
	return Gathers(all.Narrow(0, 0, n), all.Narrow(0, n, m), 1, slices.Contains(l.place, none), slices.Contains(l.position, none))
}

// paddedLength rounds a document's length up to a power of two, and beyond long
// to three leading binary digits: there padding costs more than a further group
// of documents.
func paddedLength(n int64) int64 {
	if n <= long {
		return max(shortest, FewShapes(n, 1))
	}
	return FewShapes(n, 3)
}

// FewShapes rounds n up to a number of so many leading binary digits: kernels
// are prepared for every shape they meet (docs/performance.md).
func FewShapes(n int64, digits int) int64 {
	unit := int64(1) << max(0, bits.Len64(uint64(max(n, 1)-1))-digits)
	return (n + unit - 1) / unit * unit
}

// attendCausally attends causally within the documents, q, k, v [B, H, T, h], or within
// each lane for a nil packing.
func (p *Packing) attendCausally(q, k, v *torch.Tensor) *torch.Tensor {
	if p != nil && q.Device() == torch.CPU && torch.AttentionKernelOf(q, k, v, nil, true) == torch.OwnAttention {
		return torch.AttentionOfRuns(q, k, v, p.runs, scaleOf(q))
	}
	return p.Attend(q, k, v, func(q, k, v *torch.Tensor) *torch.Tensor { return Attend(q, k, v, nil, true) })
}

// Attend calls attend with queries, keys and values of documents, [D, H, L, h]
// each, for q, k, v of packed rows [B, H, T, h], and returns the results in q's
// places. attend must be causal. A nil packing calls it with q, k and v.
func (p *Packing) Attend(q, k, v *torch.Tensor, attend func(q, k, v *torch.Tensor) *torch.Tensor) *torch.Tensor {
	if p == nil {
		return attend(q, k, v)
	}
	p.layOut()
	scope := torch.Enter()
	defer scope.Exit()
	lanes, heads, t := q.Size(0), q.Size(1), q.Size(2)
	rows := func(x *torch.Tensor) *torch.Tensor { // [B·T, H, h]
		return x.Transpose(1, 2).Reshape(x.Size(0)*x.Size(2), x.Size(1), x.Size(3))
	}
	documents := func(x *torch.Tensor) []*torch.Tensor {
		parts := p.places.Rows(rows(x)).SplitSizes(p.sizes(), 0)
		for i, g := range p.groups {
			parts[i] = parts[i].View(g.documents, g.length, heads, x.Size(3)).Transpose(1, 2)
		}
		return parts
	}
	queries, keys, values := documents(q), documents(k), documents(v)
	results := make([]*torch.Tensor, len(p.groups))
	for i := range p.groups {
		results[i] = rows(attend(queries[i], keys[i], values[i]))
	}
	y := p.back.Rows(torch.Cat(results, 0))
	y = y.View(lanes, t, heads, y.Size(2)).Transpose(1, 2)
	scope.Exit(y)
	return y
}

// sizes returns the groups' numbers of places.
func (p *Packing) sizes() []int64 {
	sizes := make([]int64, len(p.groups))
	for i, g := range p.groups {
		sizes[i] = g.documents * g.length
	}
	return sizes
}
