package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"restante/internal/errs"
)

// TrimName returns what a person or a program typed as a name without the blanks at its ends: white space of any script, and
// blanks without a width, such as a byte order mark. A name is compared, checked and kept in this form.
func TrimName(typed string) string { return strings.TrimFunc(typed, isBlank) }

// ValidateName returns an errs.Invalid error of the field unless name can be the name of a client: 1 to 128 bytes of UTF-8
// without blanks at its ends, with something that can be seen, and without characters that break lines, act on a terminal or turn
// the direction of the text around them. Characters that this program does not know, such as newer emoji, are allowed. Call it where
// a message or a token comes in and nowhere else: what is stored may have a name that an earlier rule allowed.
func ValidateName(field, name string) error {
	if name == "" || len(name) > MaxClientIDBytes {
		return errs.Field(field, "must be 1 to %d bytes long, is %d", MaxClientIDBytes, len(name))
	}
	if !utf8.ValidString(name) {
		return errs.Field(field, "must be valid UTF-8")
	}
	for _, r := range name {
		if fault := faultOf(r); fault != "" {
			return errs.Field(field, "has %s, %U", fault, r)
		}
	}
	if TrimName(name) != name {
		return errs.Field(field, "begins or ends with a blank")
	}
	if !strings.ContainsFunc(name, isSeen) {
		return errs.Field(field, "has nothing that can be seen")
	}
	return nil
}

// faultOf returns what is wrong with a character that no name may have, "" for any other one.
func faultOf(r rune) string {
	switch {
	case unicode.IsControl(r):
		return "a control character"
	case r == '\u2028', r == '\u2029':
		return "a character that ends a line"
	case unicode.Is(unicode.Bidi_Control, r):
		return "a character that turns the direction of text"
	case unicode.Is(unicode.Noncharacter_Code_Point, r):
		return "a number that is no character"
	case r == utf8.RuneError: // decoders write it for bytes that are not text, so that two names would become one
		return "the sign for damaged text"
	}
	return ""
}

func isBlank(r rune) bool {
	return unicode.IsSpace(r) || r == '\u200b' || r == '\u2060' || r == '\ufeff'
}

// isSeen reports whether a character shows something by itself. Combining marks do not: they change the character before them, which
// may be none of the name.
func isSeen(r rune) bool { return !isBlank(r) && !unicode.Is(unicode.M, r) && !unicode.Is(unseen, r) }

// unseen are the characters that show nothing, besides blanks and combining marks: those that Unicode calls default ignorable,
// such as joiners, tags and fillers, interlinear annotations, and the braille pattern without dots. The ranges are written out, so
// that the app has the same ones whatever version of Unicode a device knows (isName in client/src/core/identity.ts).
var unseen = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00ad, Hi: 0x00ad, Stride: 1}, {Lo: 0x115f, Hi: 0x1160, Stride: 1}, {Lo: 0x180b, Hi: 0x180f, Stride: 1},
		{Lo: 0x200b, Hi: 0x200f, Stride: 1}, {Lo: 0x2060, Hi: 0x206f, Stride: 1}, {Lo: 0x2800, Hi: 0x2800, Stride: 1},
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, {Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, {Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
		{Lo: 0xfff0, Hi: 0xfffb, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1bca0, Hi: 0x1bca3, Stride: 1}, {Lo: 0x1d173, Hi: 0x1d17a, Stride: 1}, {Lo: 0xe0000, Hi: 0xe0fff, Stride: 1},
	},
	LatinOffset: 1,
}
