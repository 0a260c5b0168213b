package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-viper/mapstructure/v2"

	"agiformer/internal/config/hydra"
)

// Job is one run of a sweep.
type Job struct {
	// Overrides are the job's, a row's before the command line's.
	Overrides []string
	// Tree is its composed configuration.
	Tree *Tree
	// Line names what the job is one seed of: the row, and what the command
	// line sweeps beside the seed.
	Line string
	// Folder is the name of its run folder: a number, or with rows the line and
	// the seed.
	Folder string
	// Row tells that the job comes from sweep.rows.
	Row bool
}

// SweepJobs expands a sweep into its jobs, all composed before the first is
// returned: the rows of sweep.rows, each with its seeds, times the Cartesian
// product of what the command line sweeps (a,b, range(), choice(), glob()), the
// last swept key varying fastest.
func SweepJobs(opts Options) ([]Job, error) {
	h, err := opts.hydra()
	if err != nil {
		return nil, err
	}
	h.Warn = once(h.Warn)
	// Where the command line cannot be composed without what it sweeps, there
	// are no rows either; hydra.Sweep then says what is wrong.
	var base *Tree
	if tree, err := hydra.Unswept(h); err == nil {
		base = tree
	}
	if !hasRows(base) {
		jobs, err := plainJobs(h)
		return jobs, orSameRows(err, base, jobs)
	}
	s, err := readSweep(base)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, row := range s.chosen() {
		more, err := row.jobs(h)
		if err != nil {
			return nil, fmt.Errorf("row '%s' of sweep.rows: %w", row.Name, err)
		}
		jobs = append(jobs, more...)
	}
	if err := ownFolders(jobs); err != nil {
		return nil, err
	}
	return jobs, orSameRows(nil, base, jobs)
}

// SweepDir returns sweep.dir of a sweep's jobs, "" where it is null.
func SweepDir(jobs []Job) string {
	if len(jobs) == 0 {
		return ""
	}
	if dir := lookup(jobs[0].Tree, "sweep.dir"); dir != nil && dir.Kind == hydra.String {
		return dir.S
	}
	return ""
}

// once passes each warning on a single time: rows are composed apart, from the
// same files.
func once(warn func(string)) func(string) {
	if warn == nil {
		return nil
	}
	said := map[string]bool{}
	return func(text string) {
		if !said[text] {
			said[text] = true
			warn(text)
		}
	}
}

// lookup returns the node of a key, nil where there is none.
func lookup(tree *Tree, key string) *hydra.Node {
	if tree == nil {
		return nil
	}
	n, err := tree.Lookup(key)
	if err != nil {
		return nil
	}
	return n
}

func hasRows(tree *Tree) bool {
	rows := lookup(tree, "sweep.rows")
	return rows != nil && rows.Kind != hydra.Null
}

// orSameRows refuses rows that a swept override brings: whose would they be?
func orSameRows(err error, base *Tree, jobs []Job) error {
	if err != nil {
		return err
	}
	rows := func(tree *Tree) string {
		if !hasRows(tree) {
			return ""
		}
		return string(lookup(tree, "sweep.rows").JSON())
	}
	for _, job := range jobs {
		if rows(job.Tree) != rows(base) {
			return fmt.Errorf("%s changes sweep.rows from job to job: the rows of a sweep cannot come from what it sweeps itself", strings.Join(job.Overrides, " "))
		}
	}
	return nil
}

// readSweep types and checks the section sweep of a composed tree.
func readSweep(tree *Tree) (*Sweep, error) {
	c := &checker{tree: tree}
	values := c.structure(tree.Root.Get("sweep"), "sweep", reflect.TypeFor[Sweep]())
	if err := c.err(); err != nil {
		return nil, err
	}
	s := &Sweep{}
	if err := mapstructure.Decode(values, s); err != nil {
		return nil, err
	}
	c.sweep(s)
	return s, c.err()
}

// sweep checks the section sweep.
func (c *checker) sweep(s *Sweep) {
	if s == nil {
		return
	}
	if s.Dir != nil && strings.TrimSpace(*s.Dir) == "" {
		c.fail("sweep.dir", "it must name a folder, or be null")
	}
	var names []string
	folders := map[string]string{} // the row of each
	for i, row := range s.Rows {
		key := fmt.Sprintf("sweep.rows[%d]", i)
		folder := slug(row.Name)
		if folder == "" {
			c.fail(key+".name", "it must hold a letter or a digit")
		} else if other, taken := folders[folder]; taken {
			c.fail(key+".name", "the row '%s' would have the same run folders: give it another name", other)
		}
		folders[folder] = row.Name
		names = append(names, row.Name)
		for j, seed := range row.Seeds {
			c.atLeast(fmt.Sprintf("%s.seeds[%d]", key, j), seed, 0)
		}
	}
	if len(s.Rows) == 0 {
		return
	}
	for i, name := range s.Only {
		c.oneOf(fmt.Sprintf("sweep.only[%d]", i), name, names...)
	}
}

// chosen returns the rows to run.
func (s *Sweep) chosen() []Row {
	if len(s.Only) == 0 {
		return s.Rows
	}
	wanted := map[string]bool{}
	for _, name := range s.Only {
		wanted[name] = true
	}
	var rows []Row
	for _, row := range s.Rows {
		if wanted[row.Name] {
			rows = append(rows, row)
		}
	}
	return rows
}

// jobs expands one row.
func (r Row) jobs(h hydra.Options) ([]Job, error) {
	given := h.Overrides
	var expanded []hydra.Job
	for _, seed := range r.seeds(given) {
		h.Overrides = append(append(append([]string{}, r.Overrides...), seed...), given...)
		more, err := hydra.Sweep(h)
		if err != nil {
			return nil, err
		}
		expanded = append(expanded, more...)
	}
	jobs := make([]Job, len(expanded))
	for i, swept := range sweptText(expanded) {
		line := strings.TrimSpace(r.Name + " " + swept)
		folder := slug(line)
		if seed := lookup(expanded[i].Tree, "seed"); seed != nil {
			folder += "-seed" + seed.Brief()
		}
		jobs[i] = Job{Overrides: expanded[i].Overrides, Tree: expanded[i].Tree, Line: line, Folder: folder, Row: true}
	}
	return jobs, nil
}

// seeds returns the row's overrides of the seed, one list a run: none where the
// command line sets the seed.
func (r Row) seeds(given []string) [][]string {
	for _, override := range given {
		if setsSeed(override) {
			return [][]string{nil}
		}
	}
	lists := [][]string{}
	for _, seed := range r.Seeds {
		lists = append(lists, []string{"seed=" + strconv.FormatInt(seed, 10)})
	}
	if len(lists) == 0 {
		lists = append(lists, nil)
	}
	return lists
}

func setsSeed(override string) bool {
	return strings.HasPrefix(strings.TrimLeft(override, "+"), "seed=")
}

// plainJobs expands a sweep without rows. Its lines are named by what it sweeps.
func plainJobs(h hydra.Options) ([]Job, error) {
	expanded, err := hydra.Sweep(h)
	if err != nil {
		return nil, err
	}
	jobs := make([]Job, len(expanded))
	for i, line := range sweptText(expanded) {
		if line == "" { // the seed alone is swept, or nothing
			line = "all"
			if name := lookup(expanded[i].Tree, "model.name"); name != nil && name.Kind == hydra.String {
				line = name.S
			}
		}
		jobs[i] = Job{Overrides: expanded[i].Overrides, Tree: expanded[i].Tree, Line: line, Folder: strconv.Itoa(i)}
	}
	return jobs, nil
}

// sweptText returns for each job the overrides, but for the seed, that are not
// the same in all of them. All have the same keys, in the same places.
func sweptText(jobs []hydra.Job) []string {
	texts := make([]string, len(jobs))
	if len(jobs) == 0 {
		return texts
	}
	for place, override := range jobs[0].Overrides {
		if setsSeed(override) || !varies(jobs, place) {
			continue
		}
		for i, job := range jobs {
			texts[i] = strings.TrimSpace(texts[i] + " " + job.Overrides[place])
		}
	}
	return texts
}

func varies(jobs []hydra.Job, place int) bool {
	for _, job := range jobs {
		if job.Overrides[place] != jobs[0].Overrides[place] {
			return true
		}
	}
	return false
}

// ownFolders checks that no two jobs share a run folder.
func ownFolders(jobs []Job) error {
	owner := map[string]Job{}
	for _, job := range jobs {
		if other, taken := owner[job.Folder]; taken {
			return fmt.Errorf("two jobs of the sweep would share the run folder %s: %s; and %s", job.Folder, strings.Join(other.Overrides, " "), strings.Join(job.Overrides, " "))
		}
		owner[job.Folder] = job
	}
	return nil
}

// slug makes a name a folder's: letters, digits, dots and underscores stay,
// everything between them becomes one hyphen.
func slug(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '_'
	})
	return strings.TrimLeft(strings.Join(words, "-"), ".")
}
