package hydra

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
)

// Plain YAML scalars as Hydra reads them: YAML 1.1 as PyYAML implements it
// (yes is true, 0755 is octal, 1:30 is base 60), without dates, and with floats
// such as 1e-4 that YAML 1.1 leaves out. The patterns are tried in this order.
var (
	yamlBool  = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	yamlNull  = regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)
	yamlFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?` +
		`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*` +
		`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlInt = regexp.MustCompile(`^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlExpFloat = regexp.MustCompile(`^(?:[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?` +
		`|[-+]?[0-9]+(?:_[0-9]+)*[eE][-+]?[0-9]+` +
		`|[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*)$`)
)

// plainScalar returns the typed value of an unquoted YAML scalar.
func plainScalar(s string) (*Node, error) {
	switch {
	case yamlNull.MatchString(s):
		return newNull(), nil
	case yamlBool.MatchString(s):
		return yamlBoolValue(s), nil
	case s == "=" || s == "<<":
		return nil, fmt.Errorf("a lone %s is special in YAML 1.1: quote it", s)
	case s[0] > '9' || s[0] < '+': // no number starts so
		return newString(s), nil
	case yamlFloat.MatchString(s):
		return yamlFloatValue(s)
	case yamlInt.MatchString(s):
		return yamlIntValue(s)
	case yamlExpFloat.MatchString(s):
		return yamlFloatValue(s)
	default:
		return newString(s), nil
	}
}

func yamlBoolValue(s string) *Node {
	l := strings.ToLower(s)
	return newBool(l == "yes" || l == "true" || l == "on")
}

func yamlIntValue(s string) (*Node, error) {
	t := strings.ReplaceAll(s, "_", "")
	negative := strings.HasPrefix(t, "-")
	t = strings.TrimLeft(t, "+-")
	i, ok := new(big.Int), true
	switch {
	case strings.HasPrefix(t, "0b"):
		i, ok = i.SetString(t[2:], 2)
	case strings.HasPrefix(t, "0x"):
		i, ok = i.SetString(t[2:], 16)
	case len(t) > 1 && t[0] == '0':
		i, ok = i.SetString(t, 8)
	case strings.Contains(t, ":"):
		for _, part := range strings.Split(t, ":") {
			i.Mul(i, big.NewInt(60)).Add(i, parseInt(part))
		}
	default:
		i, ok = i.SetString(t, 10)
	}
	if !ok {
		return nil, fmt.Errorf("%q looks like an integer but is none: quote it", s)
	}
	if negative {
		i.Neg(i)
	}
	return newInt(i), nil
}

func yamlFloatValue(s string) (*Node, error) {
	t := strings.ToLower(strings.ReplaceAll(s, "_", ""))
	sign := 1.0
	if strings.HasPrefix(t, "-") {
		sign = -1
	}
	t = strings.TrimLeft(t, "+-")
	switch {
	case t == ".inf":
		return newFloat(math.Inf(int(sign))), nil
	case t == ".nan":
		return newFloat(math.NaN()), nil
	case strings.Contains(t, ":"):
		sum := 0.0
		for _, part := range strings.Split(t, ":") {
			f, _ := parseFloat(part)
			sum = sum*60 + f
		}
		return newFloat(sign * sum), nil
	}
	f, ok := parseFloat(t)
	if !ok {
		return nil, fmt.Errorf("%q looks like a number but is none: quote it", s)
	}
	return newFloat(sign * f), nil
}
