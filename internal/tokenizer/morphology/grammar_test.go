package morphology_test

import (
	"slices"
	"strings"
	"testing"

	"agiformer/internal/tokenizer/morphology"
)

// The automaton knows these cuts, among others: Analyses lists them.
func TestGrammar(t *testing.T) {
	t.Parallel()
	cuts := strings.Fields(`
		ev|ler|imiz|de|ki|ler|den kapı|nız|dan köy|ünüz|ün masa|sı|yla kalem|le yol|lar|da|yız
		kitab|ımız|ı renk|siz|lik ağac|ı kanad|ı çiçeğ|i reng|i psikoloğ|u
		su|yu su|yun su|yum su|dan ne|yi bu|nun şu|na o|nlar bu|ndan|dır kendi|nde buzdolabı|nda biz|im biz|imle
		araba|sı|nda araba|lar|ı|nda|ki dün|kü bugün|kü öğrenci|ler|in|ki|ler
		tuz|lu tuz|suz|luk balık|çı iş|çi|ler toplum|sal yavaş|ça insan|ca çocuk|ça köpek|çik kuzu|cuk beş|inci altı|ncı üç|er altı|şar
		taş|la|n|dı güzel|leş|tir|il|me|si ev|len|di|ler temiz|l|iyor hız|lan|an
		bak|ıl|dı gel|in|di oku|n|uyor yıka|n|mak döv|üş|tü anla|ş|ıl|dı yaz|dır|t|tı iç|ir|di çık|ar|dı kork|ut|tu oku|t|tu
		gid|ebil|ir|im gel|e|me|di|k oku|ya|m|ıyor|du bil|me|yebil|ir yap|ıver|di bak|akal|dı gid|edur|un
		gel|di|m gel|di|n gel|di|k gel|di|niz gel|di|ler gel|miş|im gel|ecek|sin gel|eceğ|im gel|eceğ|iz gel|iyor|uz gel|ir|siniz
		gel|se|m gel|se|ydi|k gel|miş|ti|m gel|iyor|du gel|iyor|lar|dı gel|ecek|miş gel|ir|se|niz gel|di|yse gel|meli|yim
		gel|e|yim gel|e|lim gel|sin gel|sin|ler gel|sinler gel|in gel|iniz gel|mekte|yiz gel|mekte|dir gel|miş|tir
		gel|me|m gel|me|yiz gel|me|z gel|me|z|ler gel|m|iyor gel|me|yecek gel|me|meli gel|me|sin
		gel|diğ|imiz gel|dik|ler|i|ni gel|eceğ|i|ni gel|ecek|ler|i gel|en|in gel|miş|ler|in bil|in|me|yen
		gel|me gel|me|m gel|me|ye gel|iş|i|ne gel|mek|ten gel|mek|le gel|meğ|e oku|yuş
		gel|erek gel|ip gel|ince gel|ince|ye gel|dikçe gel|me|den gel|meksizin gel|eli gel|ir|ken hasta|yken gel|ir|cesine
		oku|yucu sat|ıcı|lar yap|ıcı|lık
		hasta|ydı|m iyi|ymiş öğretmen|dir|ler güzel|se okul|da|ydı|k çocuk|tur asker|ken
		başl|ıyor ist|iyor|um söyl|üyor anl|ıyor|sunuz di|yor yi|yecek di|yen gid|iyor ed|er tad|ar
		saat|i saat|ler|de hal|ler rol|ü alkol|lü`)
	for _, want := range cuts {
		word := strings.ReplaceAll(want, "|", "")
		list := small().Analyses([]byte(word), 500)
		if !slices.ContainsFunc(list, func(a morphology.Analysis) bool { return cutOf(word, a.Morphemes) == want }) {
			t.Errorf("%s is not among %d analyses", want, len(list))
		}
	}
}

// What no grammar allows is not offered.
func TestGrammarRefuses(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"ev|lar", "kitap|ci", "git|di", "araba|ın", "gel|ma|di", "ev|ı", "kitap|da", "gel|ar", "kal|ür"} {
		word := strings.ReplaceAll(wrong, "|", "")
		for _, a := range small().Analyses([]byte(word), 500) {
			if cutOf(word, a.Morphemes) == wrong {
				t.Errorf("%s breaks harmony, assimilation or the buffer letters, but is offered", wrong)
			}
		}
	}
}
