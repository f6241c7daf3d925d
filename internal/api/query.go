package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/route"
)

// query is a parsed query, in the order of the request.
type query []parameter

type parameter struct{ name, value string }

func (q query) get(name string) string {
	if i := q.index(name); i >= 0 {
		return q[i].value
	}
	return ""
}

// encode writes the query as net/url reads it.
func (q query) encode() string {
	var out strings.Builder
	for _, p := range q {
		out.WriteString(url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value) + "&")
	}
	return out.String()
}

func (q query) index(name string) int {
	return slices.IndexFunc(q, func(p parameter) bool { return p.name == name })
}

// tokenParam is the parameter with which browsers bring a token where they can set no header.
const tokenParam = "access_token"

var tokenSpellings = chat.SpellingsOf(tokenParam)

// The parameters of cursors and pages. A request that has one which its operation does not read means something else than it
// would be answered with.
var (
	readingParams    = []string{"room", "after", "before", "since", "rev", "epoch", "limit", chat.ResumeParam}
	readingSpellings = chat.SpellingsOf(readingParams...)
)

// additions are parameters that EventSource packages add to every URL, and the one that hides a request from Angular's service
// worker, which no EventSource can say in a header. They are ignored.
var additions = []string{"padding", "evs_buffer_size_limit", "evs_preamble", "ngsw-bypass"}

// resumes reports whether a parameter is the id of the last event, as EventSource packages, or Mercure's clients, write it.
func resumes(name string) bool {
	return name == chat.ResumeParam || name == "lastEventID" || name == "evs_last_event_id" || strings.EqualFold(name, lastEventID)
}

// mayBeEmpty reports whether an empty parameter counts as absent, or is a value that is checked later. An empty cursor, limit or
// time is a mistake of the client: without it, other messages would be read. Every name begins with the empty prefix.
func mayBeEmpty(name string) bool {
	return name == "id" || name == "client_id" || name == "room" || name == "msg" || name == "prefix"
}

// queryReader reads the query of one request.
type queryReader struct {
	op        *huma.Operation
	spellings chat.Spellings // of the operation's parameters; nil until the first unknown one
	out       query
	items     int // values of parameters that are lists
	faults    []fieldError
	malformed bool // one of the faults is that the query cannot be read
}

// readQuery parses a query. The parameters of the operation must come once, or as often as a list may have items, escaped properly, in UTF-8. What other parameters
// are is said by unknown. A ';' is an ordinary character, as in the WHATWG's URLs. A parameter without '=' is empty. The problem
// names every fault, of very many the first ones.
func readQuery(raw string, op *huma.Operation) (query, *problem) {
	r := queryReader{op: op, out: make(query, 0, 8)}
	for pair := range strings.SplitSeq(raw, "&") {
		if len(r.faults) == maxFieldErrors {
			break
		}
		if pair != "" {
			r.read(pair)
		}
	}
	if len(r.faults) == 0 {
		return r.out, nil
	}
	p := newProblem(http.StatusUnprocessableEntity, string(errs.Invalid), detailFaults)
	if r.malformed {
		p = newProblem(http.StatusBadRequest, codeMalformed, detailFaults)
	}
	p.Errors = r.faults
	return nil, p
}

func (r *queryReader) read(pair string) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil {
		name = rawName // a name that cannot be unescaped is unknown
	}
	if r.isStream() && resumes(name) {
		name = chat.ResumeParam
	}
	i := slices.IndexFunc(r.op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
	if i < 0 {
		if text := r.unknown(name); text != "" {
			r.fault(name, text)
		}
		return
	}
	schema := r.op.Parameters[i].Schema
	if schema.Type == huma.TypeArray {
		if r.items++; r.items > *schema.MaxItems { // the others are not read: looking at each is work
			if r.items == *schema.MaxItems+1 {
				r.fault(name, fmt.Sprintf("may be given %d times at most", *schema.MaxItems))
			}
			return
		}
	}
	value, err := url.QueryUnescape(rawValue)
	at := r.out.index(name)
	switch {
	case err != nil:
		r.malformed = true
		r.fault(name, "has a '%' that no two hexadecimal digits follow; a '%' of the text is written %25")
	case !utf8.ValidString(value):
		r.fault(name, "must be valid UTF-8")
	case value == "" && !mayBeEmpty(name):
		r.fault(name, "is empty; leave it out or give it a value")
	case at >= 0 && name == chat.ResumeParam:
		r.out[at].value = value // packages append theirs to what the page has written
	case at >= 0 && schema.Type != huma.TypeArray:
		r.fault(name, "is given more than once")
	default:
		if schema.Type == huma.TypeInteger {
			value = chat.Whole(value)
		}
		r.out = append(r.out, parameter{name, value})
	}
}

// unknown returns what is wrong with a parameter that the operation does not have, or "" if it is ignored. Requests that send
// take no unknown parameter, since a misspelt room would be the default room, and a text with '&' would be cut; nor do event
// streams, since a cursor that is not read loses messages. Other requests ignore those that do not look like one of the API.
func (r *queryReader) unknown(name string) string {
	isToken := tokenSpellings.Meant(name) != ""
	switch {
	case name == tokenParam, r.isStream() && slices.Contains(additions, name):
		return "" // where the token is not read, the header says who the client is, or nothing does
	case isToken && r.isStream():
		return "is not a parameter of this request; it is written " + tokenParam
	case isToken:
		return "is not read here: a token belongs into the header Authorization"
	}
	if meant := r.known().Meant(name); meant != "" {
		return "is not a parameter of this request; it is written " + meant
	}
	switch {
	case r.op.OperationID == route.PostMessage.Name():
		return "is not a parameter of this request; an '&' of a text is written %26"
	case r.op.Method == http.MethodPost || r.isStream(), slices.Contains(readingParams, name), readingSpellings.Meant(name) != "":
		return "is not a parameter of this request"
	}
	return ""
}

// known returns the spellings of the operation's parameters.
func (r *queryReader) known() chat.Spellings {
	if r.spellings == nil {
		var names []string
		for _, p := range r.op.Parameters {
			if p.In == "query" {
				names = append(names, p.Name)
			}
		}
		r.spellings = chat.SpellingsOf(names...)
	}
	return r.spellings
}

func (r *queryReader) isStream() bool { return r.op.OperationID == route.StreamRoom.Name() }

func (r *queryReader) fault(name, text string) {
	if name == "" {
		name = "=" // a value without a name
	}
	r.faults = append(r.faults, fieldError{cut(strings.ToValidUTF8(name, "?")), text})
}
