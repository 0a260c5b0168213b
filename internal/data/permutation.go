package data

import "math/bits"

// permutation is a pseudo-random order of 0..n-1 that is computed at any place
// without a list: a balanced Feistel network over the smallest even number of
// bits that holds n, walked on until it falls below n (cycle walking; Black and
// Rogaway, "Ciphers with arbitrary finite domains", 2002).
type permutation struct {
	n    uint64
	half int // bits of one half
	keys [feistelRounds]uint64
}

const feistelRounds = 6

// newPermutation returns the order of n documents in an epoch, n >= 1.
func newPermutation(n int64, seed, epoch int64) permutation {
	p := permutation{n: uint64(n), half: max(1, (bits.Len64(uint64(n-1))+1)/2)}
	key := mix(mix(uint64(seed)) ^ uint64(epoch))
	for i := range p.keys {
		key = mix(key)
		p.keys[i] = key
	}
	return p
}

// at returns the document at place k of the order, 0 <= k < n.
func (p permutation) at(k int64) int64 {
	mask := uint64(1)<<p.half - 1
	x := uint64(k)
	for {
		left, right := x>>p.half, x&mask
		for _, key := range p.keys {
			left, right = right, left^mix(right^key)&mask
		}
		if x = left<<p.half | right; x < p.n {
			return int64(x)
		}
	}
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable
// pseudorandom number generators", 2014): every bit of x changes about half of
// the result's.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
