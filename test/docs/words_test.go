package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// banned are words that were private to this project, each with the word that replaces it. docs/words.md has the others.
var banned = []struct{ pattern, instead string }{
	{`\bshak(e|es|en|ing)\b|\bshook\b`, "handshake"},
	{`\btir(e|es|ed|ing)\b`, "throttle"},
	{`\bbur(y|ies|ied|ying)\b`, "dead-letter"},
	{`\bstrangers?\b`, "unknown, foreign"},
	{`\bpassages?\b`, "forwarded request"},
	{`\blanes?\b`, "channel (AMQP)"},
	{`\b(has|have|had|makes?|there is) room\b|\broom (to spare|left)\b`, "space, capacity"},
	{`\bas good as gone\b`, "a direct sentence"},
	{`\bfarewells?\b`, "rejection"},
	{`\bwhoever\b`, "a direct sentence"},
}

// allowed lists the files that may use a banned word, with the text around it that makes it right.
var allowed = map[string][]string{
	"internal/store/check.go": {"has room %q"}, // "only the target has room \"ops\""
}

// skipped are the files that are not our text: this list itself, and what is generated.
var skipped = []string{"test/docs/words_test.go", "docs/licenses.md"}

func TestWords_PrivateOnesDoNotReturn(t *testing.T) {
	for _, path := range files(t, "*.go", "*.md", "*.sh") {
		if slices.Contains(skipped, path) {
			continue
		}
		for i, line := range strings.Split(read(t, path), "\n") {
			for _, phrase := range allowed[path] {
				line = strings.ReplaceAll(line, phrase, "")
			}
			for _, word := range find(line) {
				t.Errorf("%s:%d: %q; write %s", path, i+1, word.found, word.instead)
			}
		}
	}
}

type word struct{ found, instead string }

var expressions = func() (list []*regexp.Regexp) {
	for _, b := range banned {
		list = append(list, regexp.MustCompile("(?i)"+b.pattern))
	}
	return list
}()

// find returns the banned words of a line. Identifiers are split at their capitals, so that errStranger is found, too.
func find(line string) (words []word) {
	line = capital.ReplaceAllString(line, "$1 $2")
	line = strings.ReplaceAll(line, "_", " ")
	for i, e := range expressions {
		for _, found := range e.FindAllString(line, -1) {
			words = append(words, word{found, banned[i].instead})
		}
	}
	return words
}

var capital = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func TestFind(t *testing.T) {
	for line, want := range map[string]int{
		"the TLS handshake, shaken": 1,
		"errStranger, tireClient":   2,
		"a map that has room for 8": 1,
		"the chat room for ops":     0,
		"the entire tail":           0,
		"a room that has a note":    0,
		"whoever comes":             1,
		"every lobby has rooms":     0,
		"tier, Retired, plane":      0,
	} {
		if got := find(line); (len(got) > 0) != (want > 0) || want > 1 && len(got) != want {
			t.Errorf("%q: %v, want %d", line, got, want)
		}
	}
}
