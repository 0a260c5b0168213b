package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Text writes the report for people: a line a check, and below each finding its mend.
func (r Report) Text(w io.Writer) error {
	width := 0
	for _, check := range r.Checks {
		width = max(width, len(check.Name))
	}
	var out strings.Builder
	for _, check := range r.Checks {
		fmt.Fprintf(&out, "%-7s  %-*s  %s\n", check.Status, width, check.Name, check.Found)
		if check.Mend != "" {
			fmt.Fprintf(&out, "%-7s  %-*s  -> %s\n", "", width, "", check.Mend)
		}
	}
	if r.Usable {
		out.WriteString("\nagiformer can train and generate on this machine.\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// JSON writes the report as one object.
func (r Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// Err returns nil when the machine is usable, else a sentence that counts the problems.
func (r Report) Err() error {
	var names []string
	for _, check := range r.Checks {
		if check.Status == Problem {
			names = append(names, check.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("agiformer cannot train or generate here yet: mend what is said above about %s", strings.Join(names, " and "))
}
