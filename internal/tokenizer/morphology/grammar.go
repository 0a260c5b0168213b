package morphology

// state is a state of the suffix automaton: what has been said of the word so
// far, as much as the next suffix depends on it.
type state uint8

const (
	stateNoun       state = iota // a nominal stem: root, derivation, participle, verbal noun
	statePronominal              // a nominal stem that takes n before case: bu, kendi, buzdolabı
	statePlural
	statePossessive      // after a possessive of the first or second person
	statePossessive3     // after the third person's: n before case
	stateLocal           // after locative and genitive: -ki may follow
	stateCase            // after other cases
	stateRelative        // after -ki
	stateVerb            // a verb stem
	stateNarrowed        // a verb stem that has lost its last vowel before -(H)yor
	stateNegative        // after -mA
	stateInability       // after -(y)A of -(y)AmA
	stateTense           // finite, takes -(y)Hm, -sHn, ...
	statePast            // finite, takes -m, -n, -k, -nHz
	stateOptative        // after -(y)A, takes -yHm, -lHm
	stateImperative      // after -sHn
	statePerson          // after a personal ending
	statePersonPlural    // after -lAr as a personal ending: a copula may follow
	statePastCopula      // after -(y)DH, -(y)sA
	stateEvidentialCop   // after -(y)mHş
	stateGeneralCopula   // after -DHr
	stateConverb         // after a converb
	stateTemporalConverb // after -(y)HncA: the dative may follow
	stateCount
)

// rule lets a suffix follow the states in from and leads to state to.
//
// form spells the suffix: A is a or e, H is ı, i, u or ü by vowel harmony, D is
// d or t and C is c or ç by assimilation, a K at the end is ğ before a vowel
// and k elsewhere. A bracketed buffer consonant, (y) (s) (n) (ş), stands only
// after a vowel, a bracketed vowel, (H), only after a consonant. Before the
// form, c: v: l: r: s: ask for a consonant, a vowel, l, l or r, or a stem
// like su before the suffix, x: for any consonant but l.
type rule struct {
	tag  Tag
	form string
	from []state
	to   state
}

var (
	nominalStems   = []state{stateNoun, statePlural}
	plainCaseHosts = []state{stateNoun, statePlural, statePossessive}
	nCaseHosts     = []state{statePronominal, statePossessive3, stateRelative}
	nominalHosts   = []state{stateNoun, statePronominal, statePlural, statePossessive, statePossessive3,
		stateLocal, stateCase, stateRelative}
	verbStems = []state{stateVerb, stateNegative}
	nounOnly  = []state{stateNoun}
	verbOnly  = []state{stateVerb}
	// predicates take the copulas and -(y)ken: nominals and most tenses.
	predicates = append(append([]state{}, nominalHosts...), stateTense, statePersonPlural)
)

// grammar is the suffix automaton.
var grammar = []rule{
	// Number and possession.
	{TagPlural, "lAr", []state{stateNoun, statePronominal, stateRelative, statePossessive}, statePlural},
	{TagPlural, "nlAr", []state{statePronominal}, statePlural},
	{TagP1SG, "(H)m", nominalStems, statePossessive},
	{TagP2SG, "(H)n", nominalStems, statePossessive},
	{TagP3SG, "(s)H", []state{stateNoun, statePlural, statePronominal}, statePossessive3},
	{TagP1PL, "(H)mHz", nominalStems, statePossessive},
	{TagP2PL, "(H)nHz", nominalStems, statePossessive},
	{TagP1SG, "s:yHm", nounOnly, statePossessive},
	{TagP2SG, "s:yHn", nounOnly, statePossessive},
	{TagP3SG, "s:yH", nounOnly, statePossessive3},
	{TagGenitive, "s:yHn", nounOnly, stateLocal},
	{TagP1SG, "m", []state{statePronominal}, statePossessive},
	{TagP2SG, "n", []state{statePronominal}, statePossessive},
	{TagP1PL, "mHz", []state{statePronominal}, statePossessive},
	{TagP2PL, "nHz", []state{statePronominal}, statePossessive},

	// Case.
	{TagAccusative, "(y)H", plainCaseHosts, stateCase},
	{TagDative, "(y)A", plainCaseHosts, stateCase},
	{TagLocative, "DA", plainCaseHosts, stateLocal},
	{TagAblative, "DAn", plainCaseHosts, stateCase},
	{TagGenitive, "(n)Hn", plainCaseHosts, stateLocal},
	{TagInstrumental, "(y)lA", append(append([]state{}, plainCaseHosts...), statePossessive3, statePronominal), stateCase},
	{TagEquative, "CA", []state{statePlural, statePossessive}, stateCase},
	{TagAccusative, "nH", nCaseHosts, stateCase},
	{TagDative, "nA", nCaseHosts, stateCase},
	{TagLocative, "ndA", nCaseHosts, stateLocal},
	{TagAblative, "ndAn", nCaseHosts, stateCase},
	{TagGenitive, "nHn", nCaseHosts, stateLocal},
	{TagEquative, "ncA", nCaseHosts, stateCase},
	{TagInstrumental, "nHnlA", []state{statePronominal}, stateCase},
	{TagGenitive, "im", nounOnly, stateLocal},
	{TagInstrumental, "imle", nounOnly, stateCase},
	{TagInstrumental, "inle", nounOnly, stateCase},
	{TagRelative, "ki", []state{stateLocal, stateNoun, statePossessive3}, stateRelative},
	{TagRelative, "kü", nounOnly, stateRelative},

	// Derivation from nouns.
	{TagWith, "lH", []state{stateNoun, statePronominal}, stateNoun},
	{TagWithout, "sHz", []state{stateNoun, statePronominal}, stateNoun},
	{TagNess, "lHK", []state{stateNoun, statePronominal}, stateNoun},
	{TagAgent, "CH", nounOnly, stateNoun},
	{TagRelated, "sAl", nounOnly, stateNoun},
	{TagManner, "CA", nounOnly, stateNoun},
	{TagManner, "lArcA", nounOnly, stateNoun},
	{TagLike, "sH", nounOnly, stateNoun},
	{TagLike, "(H)msH", nounOnly, stateNoun},
	{TagDiminutive, "CHK", nounOnly, stateNoun},
	{TagDiminutive, "CAğHz", nounOnly, stateNoun},
	{TagOrdinal, "(H)ncH", nounOnly, stateNoun},
	{TagDistributive, "(ş)Ar", nounOnly, stateNoun},
	{TagMake, "lA", nounOnly, stateVerb},
	{TagMake, "l", nounOnly, stateNarrowed},
	{TagAcquire, "lAn", nounOnly, stateVerb},
	{TagBecome, "lAş", nounOnly, stateVerb},

	// Voice, ability, negation.
	{TagPassive, "x:Hl", verbOnly, stateVerb},
	{TagPassive, "l:Hn", verbOnly, stateVerb},
	{TagPassive, "v:n", verbOnly, stateVerb},
	{TagReflexive, "(H)n", verbOnly, stateVerb},
	{TagReciprocal, "(H)ş", verbOnly, stateVerb},
	{TagCausative, "c:DHr", verbOnly, stateVerb},
	{TagCausative, "v:t", verbOnly, stateVerb},
	{TagCausative, "r:t", verbOnly, stateVerb},
	{TagCausative, "c:Hr", verbOnly, stateVerb},
	{TagCausative, "c:Ar", verbOnly, stateVerb},
	{TagCausative, "c:Ht", verbOnly, stateVerb},
	{TagAbility, "(y)Abil", verbStems, stateVerb},
	{TagAbility, "(y)A", verbOnly, stateInability},
	{TagAuxiliary, "(y)Hver", verbStems, stateVerb},
	{TagAuxiliary, "(y)Adur", verbOnly, stateVerb},
	{TagAuxiliary, "(y)Akal", verbOnly, stateVerb},
	{TagAuxiliary, "(y)Agel", verbOnly, stateVerb},
	{TagNegation, "mA", []state{stateVerb, stateInability}, stateNegative},
	{TagNegation, "m", []state{stateVerb, stateInability}, stateNarrowed},

	// Tense and mood.
	{TagProgressive, "(H)yor", []state{stateVerb, stateNarrowed}, stateTense},
	{TagAorist, "c:Hr", verbOnly, stateTense},
	{TagAorist, "c:Ar", verbOnly, stateTense},
	{TagAorist, "v:r", verbOnly, stateTense},
	{TagAorist, "z", []state{stateNegative}, stateTense},
	{TagEvidential, "mHş", verbStems, stateTense},
	{TagFuture, "(y)AcAK", verbStems, stateTense},
	{TagProgressive2, "mAktA", verbStems, stateTense},
	{TagNecessity, "mAlH", verbStems, stateTense},
	{TagPast, "DH", verbStems, statePast},
	{TagConditional, "sA", verbStems, statePast},
	{TagOptative, "(y)A", verbStems, stateOptative},
	{TagImperative3SG, "sHn", verbStems, stateImperative},

	// Participles and verbal nouns.
	{TagVerbalNoun, "mA", verbStems, stateNoun},
	{TagVerbalNoun, "(y)Hş", verbStems, stateNoun},
	{TagInfinitive, "mAK", verbStems, stateNoun},
	{TagPastParticiple, "DHK", verbStems, stateNoun},
	{TagPresentParticiple, "(y)An", verbStems, stateNoun},
	{TagFutureParticiple, "(y)AcAK", verbStems, stateNoun},
	{TagPerfectParticiple, "mHş", verbStems, stateNoun},
	{TagAoristParticiple, "c:Hr", verbOnly, stateNoun},
	{TagAoristParticiple, "c:Ar", verbOnly, stateNoun},
	{TagAoristParticiple, "v:r", verbOnly, stateNoun},
	{TagAoristParticiple, "z", []state{stateNegative}, stateNoun},
	{TagInherent, "(y)HcH", verbOnly, stateNoun},

	// Converbs.
	{TagConverb, "(y)ArAk", verbStems, stateConverb},
	{TagConverb, "(y)Hp", verbStems, stateConverb},
	{TagConverb, "(y)HncA", verbStems, stateTemporalConverb},
	{TagConverb, "DHkçA", verbStems, stateConverb},
	{TagConverb, "mAksHzHn", verbStems, stateConverb},
	{TagConverb, "(y)AlH", verbStems, stateConverb},
	{TagConverb, "(y)A", verbOnly, stateConverb},
	{TagConverb, "dAn", []state{stateNegative}, stateConverb},
	{TagConverb, "CAsHnA", []state{stateTense}, stateConverb},
	{TagConverb, "(y)ken", predicates, stateConverb},
	{TagDative, "yA", []state{stateTemporalConverb}, stateCase},

	// Copulas.
	{TagPastCopula, "(y)DH", append(append([]state{}, predicates...), statePast), statePastCopula},
	{TagEvidentialCopula, "(y)mHş", append(append([]state{}, predicates...), statePast), stateEvidentialCop},
	{TagConditionalCopula, "(y)sA", append(append([]state{}, predicates...), statePast), statePastCopula},
	{TagGeneralCopula, "DHr", append(append([]state{}, predicates...), statePerson, stateConverb), stateGeneralCopula},

	// Person.
	{TagV1SG, "(y)Hm", append(append([]state{}, nominalHosts...), stateTense, stateEvidentialCop), statePerson},
	{TagV2SG, "sHn", append(append([]state{}, nominalHosts...), stateTense, stateOptative, stateEvidentialCop), statePerson},
	{TagV1PL, "(y)Hz", append(append([]state{}, nominalHosts...), stateTense, stateEvidentialCop), statePerson},
	{TagV2PL, "sHnHz", append(append([]state{}, nominalHosts...), stateTense, stateOptative, stateEvidentialCop), statePerson},
	{TagV3PL, "lAr", append(append([]state{}, nominalHosts...), stateTense, statePast, stateOptative, stateImperative,
		stateEvidentialCop, statePastCopula, stateGeneralCopula), statePersonPlural},
	{TagV1SG, "m", []state{statePast, statePastCopula, stateNegative}, statePerson},
	{TagV2SG, "n", []state{statePast, statePastCopula}, statePerson},
	{TagV1PL, "k", []state{statePast, statePastCopula}, statePerson},
	{TagV2PL, "nHz", []state{statePast, statePastCopula}, statePerson},
	{TagV1SG, "yHm", []state{stateOptative}, statePerson},
	{TagV1PL, "lHm", []state{stateOptative}, statePerson},
	{TagV1PL, "yHz", []state{stateNegative}, statePerson},
	{TagV2PL, "(y)Hn", verbStems, statePerson},
	{TagV2PL, "(y)HnHz", verbStems, statePerson},
	{TagV3PL, "sHnlAr", verbStems, statePersonPlural},
}

// finalStates are the states, a bit each, in which a word may end: all but
// those in which a stem waits for its suffix.
const finalStates = 1<<stateCount - 1 - 1<<stateNarrowed - 1<<stateInability
