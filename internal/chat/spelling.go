package chat

import "strings"

// ResumeParam is the parameter with which libraries that cannot set headers come back to an event stream: the id of the last
// event.
const ResumeParam = "lastEventId"

// Spellings finds parameters of a query that are misspelt. Read as unknown parameters, they would silently change which messages are
// read. It does not change, and may be used concurrently.
type Spellings map[string]string // the parameters by what their misspellings have in common

// SpellingsOf returns the spellings of parameters.
func SpellingsOf(names ...string) Spellings {
	s := make(Spellings, 2*len(names))
	for _, name := range names {
		s[fold(name)], s[fold(name)+"s"] = name, name
	}
	return s
}

// Meant returns which parameter somebody has meant who wrote name, or "" if none or if it is written so. Other case, '-' and '_', a
// plural and the brackets of an array are misspellings.
func (s Spellings) Meant(name string) string {
	meant := s[fold(name)]
	if meant == name {
		return ""
	}
	return meant
}

var separators = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

// fold returns what the misspellings of a name have in common with it.
func fold(name string) string {
	name, _, _ = strings.Cut(name, "[")
	return separators.Replace(strings.ToLower(name))
}

// Whole removes the fraction of zeros that some languages write after a whole number: 18.0 is 18. Other texts stay as they are.
func Whole(text string) string {
	number, fraction, found := strings.Cut(text, ".")
	if found && number != "" && fraction != "" && strings.Trim(fraction, "0") == "" {
		return number
	}
	return text
}
