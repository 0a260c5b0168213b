package nn

import "agiformer/internal/torch"

// Cache holds the keys and values of one attention while a stream is decoded.
// Its buffers [1, H, capacity + 1, h], of which one place is for a null entry,
// are made at the first use, in the type of the products, and kept until Free.
//
// In a pass over packed rows a cache of another make stands in its place (see
// Confine): it keeps nothing and tells the documents of the rows apart.
type Cache struct {
	keys, values *torch.Tensor
	capacity     int64
	length       int64
	constants    []*torch.Tensor
	packing      *Packing
}

// NewCache makes an empty cache for at most capacity positions.
func NewCache(capacity int64) *Cache { return &Cache{capacity: capacity} }

// Confine makes what stands in a cache's place in a pass over packed rows: with
// it attention goes from no document to another. nil for a nil packing.
func Confine(p *Packing) *Cache {
	if p == nil {
		return nil
	}
	return &Cache{packing: p}
}

// documents returns the packing of the rows, nil where each is one sequence.
func (c *Cache) documents() *Packing {
	if c == nil {
		return nil
	}
	return c.packing
}

// Each calls attend for the sequences of q, k and v [B, H, T, h]: for the
// documents of packed rows, laid out as rows of their own, or with q, k and v.
// attend must be causal; it does not see the cache.
func (c *Cache) Each(q, k, v *torch.Tensor, attend func(q, k, v *torch.Tensor) *torch.Tensor) *torch.Tensor {
	return c.documents().Attend(q, k, v, attend)
}

// keeps says whether keys and values are kept from call to call.
func (c *Cache) keeps() bool { return c != nil && c.packing == nil }

// Constants returns what compute makes of parameters alone. A cache computes
// it once, in the type of the products, and keeps it: parameters do not change
// while a stream is decoded.
// Without a cache it is computed anew, so that gradients reach the parameters.
func (c *Cache) Constants(compute func() []*torch.Tensor) []*torch.Tensor {
	if !c.keeps() {
		return compute()
	}
	if c.constants == nil {
		c.constants = torch.ScopedList(func() []*torch.Tensor {
			all := compute()
			for i, t := range all {
				if t.DType() == torch.Float32 { // autocast would cast it with every token
					all[i] = t.ToDType(torch.AutocastDType(t.Device().Type, torch.Float32))
				}
			}
			return all
		})
		for _, t := range c.constants {
			t.Keep()
		}
	}
	return c.constants
}

// Len returns the number of cached positions, a null entry included.
func (c *Cache) Len() int64 { return c.length }

// Reset empties the cache; its buffers stay.
func (c *Cache) Reset() { c.length = 0 }

// Free frees the buffers.
func (c *Cache) Free() {
	if c.keys != nil {
		c.keys.Free()
		c.values.Free()
		c.keys, c.values = nil, nil
	}
	for _, t := range c.constants {
		t.Free()
	}
	c.constants = nil
	c.length = 0
}

// Extend adds the keys and values [1, H, T, h] of T positions and returns those
// that the positions' queries may see, and whether causally: the positions' own
// from the start of a segment (without a cache always), and all that are cached
// to a single later one. (is_causal would align its query with the first key.)
func (c *Cache) Extend(k, v *torch.Tensor) (keys, values *torch.Tensor, causal bool) {
	if !c.keeps() {
		return k, v, true
	}
	first := c.length == 0
	c.append(k, v)
	if first {
		return k, v, true
	}
	keys, values = c.views()
	return keys, values, false
}

func (c *Cache) append(k, v *torch.Tensor) {
	if c.keys == nil {
		shape := []int64{k.Size(0), k.Size(1), c.capacity + 1, k.Size(3)}
		dt := k.DType()
		if dt == torch.Float32 { // a single row's projection under autocast
			dt = torch.AutocastDType(k.Device().Type, dt)
		}
		c.keys = torch.Empty(dt, k.Device(), shape...).Keep()
		c.values = torch.Empty(dt, k.Device(), shape...).Keep()
	}
	n := k.Size(2)
	c.keys.Narrow(2, c.length, n).Copy_(k)
	c.values.Narrow(2, c.length, n).Copy_(v)
	c.length += n
}

// Steps says whether the operations of decoding take a projection: of one position
// after others, in float32 on the CPU.
func (c *Cache) Steps(projected *torch.Tensor) bool {
	return c.keeps() && c.length > 0 && oneRow(projected) && readable(c.keys)
}

// Next returns the buffers and the place in them of the next position, which the
// caller writes.
func (c *Cache) Next() (keys, values *torch.Tensor, place int64) {
	c.length++
	return c.keys, c.values, c.length - 1
}

// step is RotaryAttention of one position in a single operation; with earlier it
// sees those before it only.
func (c *Cache) step(packed, cos, sin, queryBias, keyBias *torch.Tensor, earlier bool) *torch.Tensor {
	keys, values, place := c.Next()
	seen := place + 1
	if earlier {
		seen = place
	}
	return torch.AttendStep(packed, cos, sin, queryBias, keyBias, keys, values, place, seen, scaleOf(c.keys))
}

// AttendFrom is the attention of one position's rotated query [1, 1, H·w] to all
// that the cache holds, where Steps takes it: [1, 1, H·w].
func (c *Cache) AttendFrom(query, cos, sin *torch.Tensor) *torch.Tensor {
	return torch.QueryStep(query, cos, sin, c.keys, c.values, c.length, scaleOf(c.keys))
}

func (c *Cache) views() (keys, values *torch.Tensor) {
	return c.keys.Narrow(2, 0, c.length), c.values.Narrow(2, 0, c.length)
}
