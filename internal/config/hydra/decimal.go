package hydra

import (
	"math/big"
	"strconv"
	"strings"
)

// decimal is coefficient · 10^exponent. Ranges of floats are added up in it
// with 28 significant digits, as Python's decimal module does, which decides
// the last bit of values such as 0.1 + 0.1 + 0.1.
type decimal struct {
	coef *big.Int
	exp  int
}

const decimalDigits = 28

// newDecimal converts a number exactly: a float has a finite decimal form.
func newDecimal(n *Node) decimal {
	if n.Kind == Int {
		return decimal{new(big.Int).Set(n.I), 0}
	}
	text := big.NewFloat(n.F).Text('f', 1100)
	whole, frac, _ := strings.Cut(text, ".")
	frac = strings.TrimRight(frac, "0")
	coef, _ := new(big.Int).SetString(whole+frac, 10)
	return decimal{coef, -len(frac)}
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// align returns both coefficients at the smaller exponent.
func align(a, b decimal) (x, y *big.Int, exp int) {
	exp = min(a.exp, b.exp)
	x = new(big.Int).Mul(a.coef, pow10(a.exp-exp))
	y = new(big.Int).Mul(b.coef, pow10(b.exp-exp))
	return x, y, exp
}

func (d decimal) cmp(o decimal) int {
	x, y, _ := align(d, o)
	return x.Cmp(y)
}

func (d decimal) sign() int    { return d.coef.Sign() }
func (d decimal) neg() decimal { return decimal{new(big.Int).Neg(d.coef), d.exp} }
func (d decimal) abs() decimal { return decimal{new(big.Int).Abs(d.coef), d.exp} }

func (d decimal) addExact(o decimal) decimal {
	x, y, exp := align(d, o)
	return decimal{x.Add(x, y), exp}
}

// add rounds the sum to 28 digits, halves to even.
func (d decimal) add(o decimal) decimal {
	sum := d.addExact(o)
	excess := len(new(big.Int).Abs(sum.coef).String()) - decimalDigits
	if excess <= 0 {
		return sum
	}
	unit := pow10(excess)
	q, r := new(big.Int).QuoRem(sum.coef, unit, new(big.Int))
	switch twice := new(big.Int).Abs(new(big.Int).Lsh(r, 1)); {
	case twice.Cmp(unit) > 0, twice.Cmp(unit) == 0 && q.Bit(0) == 1:
		q.Add(q, big.NewInt(int64(sum.coef.Sign())))
	}
	return decimal{q, sum.exp + excess}
}

func (d decimal) integer() *big.Int {
	return new(big.Int).Mul(d.coef, pow10(max(d.exp, 0)))
}

func (d decimal) float() float64 {
	f, _ := strconv.ParseFloat(d.coef.String()+"e"+strconv.Itoa(d.exp), 64)
	return f
}

func (d decimal) node(whole bool) *Node {
	if whole {
		return newInt(d.integer())
	}
	return newFloat(d.float())
}
