package cli

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable returns text with those characters escaped that would act on a terminal instead of being shown: control
// characters, line ends, and characters that change the text direction. Everything else stays, including the joiners of
// emoji.
func printable(text string) string {
	if !strings.ContainsFunc(text, acts) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !acts(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// printableBytes is printable for bytes that may not be text: if they are not, every byte that is not printable ASCII
// is escaped.
func printableBytes(b []byte) string {
	if utf8.Valid(b) {
		return printable(string(b))
	}
	quoted := strconv.QuoteToASCII(string(b))
	return quoted[1 : len(quoted)-1]
}

func acts(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}
