package morphology

import "fmt"

// Tag names a morpheme: the root or a suffix. TagNone is no morpheme: in gold
// it stands for a tag that the source does not give.
type Tag uint8

// The tags. The names in tagNames are those of the gold format.
const (
	TagNone Tag = iota
	TagRoot
	TagPlural
	TagP1SG
	TagP2SG
	TagP3SG // also what gold calls P3PL: -lArI is plural and third person
	TagP1PL
	TagP2PL
	TagAccusative
	TagDative
	TagLocative
	TagAblative
	TagGenitive
	TagInstrumental
	TagEquative
	TagNegation
	TagAorist
	TagProgressive
	TagProgressive2 // -mAktA
	TagPast
	TagEvidential
	TagFuture
	TagConditional
	TagNecessity
	TagOptative
	TagImperative3SG
	TagPastCopula
	TagEvidentialCopula
	TagConditionalCopula
	TagGeneralCopula // -DHr
	TagV1SG
	TagV2SG
	TagV1PL
	TagV2PL
	TagV3PL
	TagRelative // -ki
	TagOrdinal
	TagDistributive
	TagVerbalNoun // -mA, -(y)Hş
	TagInfinitive
	TagPastParticiple
	TagPresentParticiple
	TagFutureParticiple
	TagPerfectParticiple
	TagAoristParticiple
	TagConverb
	TagPassive
	TagCausative
	TagReciprocal
	TagReflexive
	TagAbility
	TagAuxiliary // -(y)Hver, -(y)Adur, -(y)Akal, -(y)Agel
	TagWith
	TagWithout
	TagNess
	TagAgent
	TagInherent // -(y)HcH
	TagRelated
	TagManner // -CA
	TagLike
	TagDiminutive
	TagAcquire
	TagMake
	TagBecome
	tagCount
)

// Class is one of the 23 types of morphemes that the language expert's
// features tell apart. Zero is no morpheme.
type Class uint8

// The types of morphemes.
const (
	ClassNone              Class = iota
	ClassRoot                    // the root
	ClassPlural                  // -lAr on nouns
	ClassPossessive              // -(H)m ... -(s)H
	ClassAccusative              // -(y)H
	ClassDative                  // -(y)A
	ClassLocative                // -DA
	ClassAblative                // -DAn
	ClassGenitive                // -(n)Hn
	ClassInstrumental            // -(y)lA and the equative -CA
	ClassNegation                // -mA
	ClassTense                   // aorist, progressive, past, evidential, future
	ClassMood                    // conditional, necessity, optative, imperative
	ClassCopula                  // -(y)DH, -(y)mHş, -(y)sA, -DHr
	ClassPerson                  // personal endings of predicates
	ClassRelative                // -ki
	ClassNumber                  // ordinals and distributives
	ClassParticiple              // -(y)An, -DHK, -(y)AcAK, ...
	ClassVerbalNoun              // -mA, -mAK, -(y)Hş
	ClassConverb                 // -(y)ArAk, -(y)Hp, -ken, ...
	ClassVoice                   // passive, causative, reciprocal, reflexive
	ClassAbility                 // -(y)Abil, -(y)A before negation, -(y)Hver
	ClassNominalDerivation       // derivation of a noun or adjective
	ClassVerbalDerivation        // derivation of a verb from a noun
)

// ClassCount is the number of types of morphemes.
const ClassCount = int(ClassVerbalDerivation)

// tagTable holds each tag's name and class.
var tagTable = [tagCount]struct {
	name  string
	class Class
}{
	TagNone:              {"?", ClassNone},
	TagRoot:              {"ROOT", ClassRoot},
	TagPlural:            {"PLU", ClassPlural},
	TagP1SG:              {"P1SG", ClassPossessive},
	TagP2SG:              {"P2SG", ClassPossessive},
	TagP3SG:              {"P3SG", ClassPossessive},
	TagP1PL:              {"P1PL", ClassPossessive},
	TagP2PL:              {"P2PL", ClassPossessive},
	TagAccusative:        {"ACC", ClassAccusative},
	TagDative:            {"DAT", ClassDative},
	TagLocative:          {"LOC", ClassLocative},
	TagAblative:          {"ABL", ClassAblative},
	TagGenitive:          {"GEN", ClassGenitive},
	TagInstrumental:      {"INS", ClassInstrumental},
	TagEquative:          {"EQU", ClassInstrumental},
	TagNegation:          {"NEG", ClassNegation},
	TagAorist:            {"AOR", ClassTense},
	TagProgressive:       {"PROG", ClassTense},
	TagProgressive2:      {"PROG2", ClassTense},
	TagPast:              {"PAST", ClassTense},
	TagEvidential:        {"EVID", ClassTense},
	TagFuture:            {"FUT", ClassTense},
	TagConditional:       {"COND", ClassMood},
	TagNecessity:         {"NEC", ClassMood},
	TagOptative:          {"OPT", ClassMood},
	TagImperative3SG:     {"IMP3SG", ClassMood},
	TagPastCopula:        {"PASTCOP", ClassCopula},
	TagEvidentialCopula:  {"EVIDCOP", ClassCopula},
	TagConditionalCopula: {"CONDCOP", ClassCopula},
	TagGeneralCopula:     {"GENCOP", ClassCopula},
	TagV1SG:              {"V1SG", ClassPerson},
	TagV2SG:              {"V2SG", ClassPerson},
	TagV1PL:              {"V1PL", ClassPerson},
	TagV2PL:              {"V2PL", ClassPerson},
	TagV3PL:              {"V3PL", ClassPerson},
	TagRelative:          {"REL", ClassRelative},
	TagOrdinal:           {"ORD", ClassNumber},
	TagDistributive:      {"DIST", ClassNumber},
	TagVerbalNoun:        {"NMLZ", ClassVerbalNoun},
	TagInfinitive:        {"INF", ClassVerbalNoun},
	TagPastParticiple:    {"PASTPART", ClassParticiple},
	TagPresentParticiple: {"PRESPART", ClassParticiple},
	TagFutureParticiple:  {"FUTPART", ClassParticiple},
	TagPerfectParticiple: {"PERPART", ClassParticiple},
	TagAoristParticiple:  {"AORPART", ClassParticiple},
	TagConverb:           {"CVB", ClassConverb},
	TagPassive:           {"D:PASS", ClassVoice},
	TagCausative:         {"D:CAUS", ClassVoice},
	TagReciprocal:        {"D:RECP", ClassVoice},
	TagReflexive:         {"D:REFL", ClassVoice},
	TagAbility:           {"D:ABLE", ClassAbility},
	TagAuxiliary:         {"D:AUX", ClassAbility},
	TagWith:              {"D:WITH", ClassNominalDerivation},
	TagWithout:           {"D:WOUT", ClassNominalDerivation},
	TagNess:              {"D:NESS", ClassNominalDerivation},
	TagAgent:             {"D:AGT", ClassNominalDerivation},
	TagInherent:          {"D:INH", ClassNominalDerivation},
	TagRelated:           {"D:RELATED", ClassNominalDerivation},
	TagManner:            {"D:LY", ClassNominalDerivation},
	TagLike:              {"D:LIKE", ClassNominalDerivation},
	TagDiminutive:        {"D:DIM", ClassNominalDerivation},
	TagAcquire:           {"D:ACQ", ClassVerbalDerivation},
	TagMake:              {"D:MAKE", ClassVerbalDerivation},
	TagBecome:            {"D:BECOME", ClassVerbalDerivation},
}

// tagAliases are names that gold uses for morphemes that share a tag here.
var tagAliases = map[string]Tag{
	"P3PL": TagP3SG, "ALMOST": TagP3SG, "A1PL": TagPlural, "SINCE": TagGeneralCopula,
	"DIM": TagDiminutive, "D:LANG": TagManner, "D:OF": TagManner, "HASTILY": TagAuxiliary,
	"D:HASTILY": TagAuxiliary, "NOTABLESTATE": TagNone, "D:DOCT": TagNone,
	"WITHOUTBEINGABLETOHAVEDONESO": TagNone,
}

var classNames = [ClassCount + 1]string{
	"none", "root", "plural", "possessive", "accusative", "dative", "locative", "ablative", "genitive",
	"instrumental", "negation", "tense", "mood", "copula", "person", "relative", "number", "participle",
	"verbal-noun", "converb", "voice", "ability", "nominal-derivation", "verbal-derivation",
}

var tagsByName = func() map[string]Tag {
	m := make(map[string]Tag, tagCount)
	for tag, row := range tagTable {
		m[row.name] = Tag(tag)
	}
	for name, tag := range tagAliases {
		m[name] = tag
	}
	return m
}()

// String returns the tag's name in the gold format.
func (t Tag) String() string {
	if t >= tagCount {
		return fmt.Sprintf("Tag(%d)", uint8(t))
	}
	return tagTable[t].name
}

// Class returns the type of morpheme that t belongs to.
func (t Tag) Class() Class {
	if t >= tagCount {
		return ClassNone
	}
	return tagTable[t].class
}

// ParseTag returns the tag of a gold name; names of one morpheme under two
// functions (P3SG and P3PL) give one tag.
func ParseTag(name string) (Tag, error) {
	if tag, ok := tagsByName[name]; ok {
		return tag, nil
	}
	return TagNone, fmt.Errorf("morpheme tag %q is unknown: expected ROOT, PLU, P3SG, ... or ? for an unknown one", name)
}

// String returns the type's name.
func (c Class) String() string {
	if int(c) >= len(classNames) {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return classNames[c]
}

// derivational says whether stems ending in t are listed in the lexicon as
// stems that gold cuts: derivation, voice and verbal nouns.
func (t Tag) derivational() bool {
	switch t.Class() {
	case ClassVoice, ClassNominalDerivation, ClassVerbalDerivation, ClassVerbalNoun:
		return true
	}
	return false
}
