package chat

import "strings"

// ResumeParam is the parameter with which libraries that cannot set headers come back to an event stream: the id of the last
// event.
const ResumeParam = "lastEventId"

// Misspelt returns which of the known parameters of a query somebody has meant who wrote name, or "" if none or if name itself is
// known. Other case, '-' and '_', a plural and the brackets of an array are misspellings: read as unknown parameters, they would
// silently change which messages are read.
func Misspelt(name string, known []string) (meant string) {
	for _, k := range known {
		if name == k {
			return ""
		}
	}
	folded := fold(name)
	for _, k := range known {
		if f := fold(k); folded == f || folded == f+"s" {
			return k
		}
	}
	return ""
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
