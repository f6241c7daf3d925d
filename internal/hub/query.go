package hub

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"restante/internal/chat"
	"restante/internal/errs"
)

// The parameters of the hub URL. It may carry an application's own besides them.
var (
	urlParams       = []string{"room", "after", "rev", "epoch", "client_id"}
	urlSpellings    = chat.SpellingsOf(urlParams...)
	resumeSpellings = chat.SpellingsOf(chat.ResumeParam)
)

const (
	maxFaults = 10 // of a query that are told
	maxName   = 40 // bytes of the name of a parameter that are told
)

// keepsParam reports whether checkQuery, or a join, reads a parameter.
func keepsParam(name string) bool {
	return slices.Contains(urlParams, name) || urlSpellings.Meant(name) != "" || name == chat.ResumeParam || resumeSpellings.Meant(name) != ""
}

// checkQuery returns an error for each parameter of the hub URL that looks like one of the hub's and is none, for a cursor that is
// there but empty, and for two senders. Ignored, they would change in silence which messages are read, and under which name others
// are sent. An empty rev or epoch is right where another room has one: it keeps the place of a room that has none.
func checkQuery(query url.Values) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(query)) {
		told := strings.ToValidUTF8(name[:min(len(name), maxName)], "?")
		if meant := urlSpellings.Meant(name); meant != "" {
			faults = append(faults, errs.Field(told, "is not a parameter of the hub; it is written %s", meant))
		}
		if name == chat.ResumeParam || resumeSpellings.Meant(name) != "" {
			faults = append(faults, errs.Field(told, "is not a parameter of the hub; a cursor is written after and epoch"))
		}
	}
	for _, name := range []string{"after", "rev", "epoch"} {
		if values := query[name]; len(values) > 0 && strings.Join(values, "") == "" {
			faults = append(faults, errs.Field(name, "is empty; leave it out or give it a value"))
		}
	}
	if len(query["client_id"]) > 1 {
		faults = append(faults, errs.Field("client_id", "is given more than once"))
	}
	return errors.Join(faults[:min(len(faults), maxFaults)]...)
}
