package cli

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable returns text with those characters escaped that would act on a terminal instead of being shown: control
// characters, line ends, characters that change the text direction, and bytes that are not UTF-8. Everything else stays, including the
// joiners of emoji and the marks in texts of mixed directions.
func printable(text string) string { return escaped(text, acts) }

// printableLines is printable for a text of several lines, such as an error: line ends and tabs stay.
func printableLines(text string) string {
	return escaped(text, func(r rune) bool { return r != '\n' && r != '\t' && acts(r) })
}

func escaped(text string, which func(rune) bool) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, which) {
		return text
	}
	var b strings.Builder
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		one := text[:size]
		switch text = text[size:]; {
		case r == utf8.RuneError && size == 1, which(r):
			quoted := strconv.QuoteToASCII(one)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(one)
		}
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
