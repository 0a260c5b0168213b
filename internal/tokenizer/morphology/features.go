package morphology

// feature is a coordinate of the log-linear model with its value.
type feature struct {
	id    int32
	value float64
}

// Contexts of transitions: the root by part of speech, then the tags.
const contextCount = int(posCount) + int(tagCount)

func contextOf(t Tag) uint8 { return uint8(posCount) + uint8(t) }

// Sizes of the groups of features.
const (
	goldGrades   = 6
	rawGrades    = 14
	gradeCount   = 8
	lengthCount  = 12
	trigramSize  = 1 << 15
	trailingSize = 1 << 14
	stemGroups   = 4
)

// Where each group of features begins.
var (
	atBigram   = 0
	atTrigram  = atBigram + contextCount*contextCount
	atForm     = atTrigram + trigramSize
	atStem     = atForm + formCount
	atGold     = atStem + stemGroups*goldGrades*goldGrades
	atRaw      = atGold + int(posCount)*goldGrades*goldGrades
	atKind     = atRaw + int(posCount)*rawGrades
	atLength   = atKind + int(posCount)*int(kindCount)*2
	atTwo      = atLength + int(posCount)*2*lengthCount
	atThree    = atTwo + int(posCount)*letterCount*letterCount
	atShape    = atThree + trailingSize
	atCapital  = atShape + int(posCount)*2
	atFront    = atCapital + gradeCount*2
	atListed   = atFront + 4
	featureLen = atListed + int(posCount)
)

// formIDs numbers the pairs of tag and spelling of the allomorphs.
var formIDs, formCount = numberForms()

func numberForms() ([]int32, int) {
	ids := make([]int32, len(allomorphs))
	seen := map[string]int32{}
	for i, a := range allomorphs {
		key := a.tag.String() + " " + spell(a.form)
		id, ok := seen[key]
		if !ok {
			id = int32(len(seen))
			seen[key] = id
		}
		ids[i] = id
	}
	return ids, len(seen)
}

// grade puts a count into one of the steps 0, 1, 2, 3-5, 6-15, more.
func grade(count float64) int {
	for g, limit := range [...]float64{0.5, 1.5, 2.5, 5.5, 15.5} {
		if count < limit {
			return g
		}
	}
	return goldGrades - 1
}

// rawGrade puts evidence from raw words into steps of a factor of two: below
// 1/2 is 0.
func rawGrade(evidence float64) int {
	g := 0
	for limit := 0.5; evidence >= limit && g < rawGrades-1; limit *= 2 {
		g++
	}
	return g
}

// rootGrade returns how well a root is known, for its first suffix, and the
// grade of its front harmony.
func (m *model) rootGrade(id int32) (known, front uint8) {
	if id < 0 {
		return 0, 0
	}
	x := &m.lexicon.lexemes[id]
	front = uint8(min(rawGrade(x.front), 3))
	switch {
	case x.gold >= 2.5:
		return 5, front
	case x.gold > 0.5:
		return 4, front
	case x.raw >= 8:
		return 3, front
	case x.raw >= 2:
		return 2, front
	}
	return 1, front
}

// rootFeatures appends the features of a root's edge.
func (m *model) rootFeatures(l *lattice, e *edge, dst []feature) []feature {
	on := func(id int) { dst = append(dst, feature{int32(id), 1}) }
	pos, j := int(e.pos), int(e.end)
	known, attested, gold, cut, raw := 0, 0, 0, 0, 0
	if e.lexeme >= 0 {
		x := &m.lexicon.lexemes[e.lexeme]
		known, gold, cut, raw = 1, grade(x.gold), grade(x.cut), rawGrade(x.raw)
		if x.kinds[e.kind] >= 1.5 {
			attested = 1
		}
		if x.listed {
			on(atListed + pos)
		}
	}
	on(atGold + (pos*goldGrades+gold)*goldGrades + cut)
	on(atRaw + pos*rawGrades + raw)
	on(atKind + (pos*int(kindCount)+int(e.kind))*2 + attested)
	on(atLength + (pos*2+known)*lengthCount + min(j, lengthCount-1))
	last := int(l.letters[j-1])
	before, third := 0, 0
	if j > 1 {
		before = int(l.letters[j-2])
	}
	if j > 2 {
		third = int(l.letters[j-3])
	}
	on(atTwo + (pos*letterCount+before)*letterCount + last)
	on(atThree + int(hash3(uint32(pos+1)<<6|uint32(third), uint32(before), uint32(last))%trailingSize))
	dst = append(dst, feature{int32(atShape + pos*2 + known), m.shape.root(l, e.pos, j)})
	if l.capital {
		on(m.capitalFeature(l, e))
	}
	return dst
}

// capitalFeature is the feature of a root in a word with a capital: by how
// well it is known, and whether it is the whole word.
func (m *model) capitalFeature(l *lattice, e *edge) int {
	g, _ := m.rootGrade(e.lexeme)
	return atCapital + int(g)*2 + boolToInt(int(e.end) == l.n)
}

// suffixFeatures appends the features of a suffix's edge that leaves n.
func (m *model) suffixFeatures(l *lattice, e *edge, n *node, dst []feature) []feature {
	on := func(id int) { dst = append(dst, feature{int32(id), 1}) }
	a := &allomorphs[e.form]
	context := contextOf(a.tag)
	on(atBigram + int(n.last)*contextCount + int(context))
	on(trigram(n, context))
	on(atForm + int(formIDs[e.form]))
	if e.front {
		on(atFront + int(n.front) - 1)
	}
	if group := stemGroup[a.tag]; group >= 0 {
		gold, cut := m.stemGrades(l, int(e.end), a.to)
		on(atStem + (int(group)*goldGrades+gold)*goldGrades + cut)
	}
	return dst
}

// stemGrades returns how often gold has the word up to place j as a root and
// as a stem that it cuts.
func (m *model) stemGrades(l *lattice, j int, s state) (gold, cut int) {
	pos := 0
	if s == stateVerb || s == stateNarrowed {
		pos = 1
	}
	id := l.stems[j][pos]
	if id < 0 {
		return 0, 0
	}
	x := &m.lexicon.lexemes[id]
	return grade(x.gold), grade(x.cut)
}

// stemGroup groups the derivational tags, -1 for others.
var stemGroup = func() (groups [tagCount]int8) {
	for t := range groups {
		groups[t] = -1
		if !Tag(t).derivational() {
			continue
		}
		switch Tag(t).Class() {
		case ClassVoice:
			groups[t] = 0
		case ClassNominalDerivation:
			groups[t] = 1
		case ClassVerbalDerivation:
			groups[t] = 2
		default:
			groups[t] = 3
		}
	}
	return groups
}()

// endFeatures appends the features of ending the word at n.
func (m *model) endFeatures(n *node, dst []feature) []feature {
	end := contextOf(TagNone)
	return append(dst, feature{int32(atBigram + int(n.last)*contextCount + int(end)), 1}, feature{int32(trigram(n, end)), 1})
}

// trigram returns the feature of a third morpheme after those of n.
func trigram(n *node, context uint8) int {
	return atTrigram + int(hash3(uint32(n.prev), uint32(n.last), uint32(context))%trigramSize)
}

// hash3 mixes three small numbers.
func hash3(a, b, c uint32) uint32 {
	h := a<<16 | b<<8 | c
	h *= 0x9E3779B1
	h ^= h >> 15
	h *= 0x85EBCA77
	return h ^ h>>13
}
