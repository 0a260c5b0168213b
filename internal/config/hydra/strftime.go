package hydra

import (
	"fmt"
	"strings"
	"time"
)

// strftime formats a time by C's directives, in the C locale. The time has no
// zone, as Python's datetime.now(): %Z and %z are empty.
func strftime(t time.Time, pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			b.WriteByte(pattern[i])
			continue
		}
		i++
		if pattern[i] == '-' && i+1 < len(pattern) && directive(t, pattern[i+1]) != "" {
			i++
			b.WriteString(withoutPadding(directive(t, pattern[i])))
			continue
		}
		switch c := pattern[i]; {
		case c == 'Z' || c == 'z':
		case directive(t, c) != "":
			b.WriteString(directive(t, c))
		default:
			b.WriteString("%" + string(c))
		}
	}
	return b.String()
}

func withoutPadding(s string) string {
	if t := strings.TrimLeft(s, "0 "); t != "" {
		return t
	}
	return "0"
}

// directive returns the text of one % directive, "" for an unknown one.
func directive(t time.Time, c byte) string {
	layouts := map[byte]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006",
		'd': "02", 'e': "_2", 'D': "01/02/06", 'F': "2006-01-02", 'H': "15", 'I': "03", 'j': "002", 'm': "01",
		'M': "04", 'p': "PM", 'R': "15:04", 'r': "03:04:05 PM", 'S': "05", 'T': "15:04:05", 'x': "01/02/06",
		'X': "15:04:05", 'y': "06", 'Y': "2006",
	}
	if layout, ok := layouts[c]; ok {
		return t.Format(layout)
	}
	isoYear, isoWeek := t.ISOWeek()
	switch c {
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000)
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1)
	case 'P':
		return t.Format("pm")
	case 's':
		return fmt.Sprint(t.Unix())
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100)
	case 'G':
		return fmt.Sprintf("%04d", isoYear)
	case 'g':
		return fmt.Sprintf("%02d", isoYear%100)
	case 'V':
		return fmt.Sprintf("%02d", isoWeek)
	case 'u':
		return fmt.Sprint((int(t.Weekday())+6)%7 + 1)
	case 'w':
		return fmt.Sprint(int(t.Weekday()))
	case 'U': // weeks from the year's first Sunday
		return fmt.Sprintf("%02d", (t.YearDay()+6-int(t.Weekday()))/7)
	case 'W': // weeks from the year's first Monday
		return fmt.Sprintf("%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7)
	default:
		return ""
	}
}
