// Package origin compares the origins of web pages (RFC 6454): scheme, host and port. Browsers leave a scheme's own port out of
// the Origin header and of Host, other clients write it in one of them or in both, and names beyond ASCII have two forms.
// Texts that mean the same origin are equal here, and no others are. The API and the hub both decide with it which pages may
// use the server.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Origin is the origin of a web page. Two are equal if pages of them are of the same origin.
type Origin struct {
	scheme string // lower case
	host   string // lower case and ASCII; IPv6 in brackets
	port   string // the effective one; empty for a scheme that has none
}

// The schemes of web servers.
const (
	http  = "http"
	https = "https"
)

// ports are the schemes' own ports.
var ports = map[string]string{http: "80", https: "443"}

// errForm says what an origin is.
var errForm = errors.New("want scheme://host or scheme://host:port, such as https://chat.example.org")

// Parse reads scheme://host or scheme://host:port, as an Origin header has it. Upper case, the scheme's own port and names
// beyond ASCII are read as the origin that they mean. Everything else is an error: a path or a slash, a user's name, the zone of
// an IPv6 address, a port that is empty or begins with 0, and null, which browsers send for pages without an origin.
func Parse(text string) (Origin, error) {
	scheme, rest, found := strings.Cut(text, "://")
	o := Origin{scheme: strings.ToLower(scheme)}
	if !found || !isScheme(o.scheme) || !utf8.ValidString(rest) {
		return Origin{}, errForm
	}
	name, port, err := splitPort(rest)
	if err != nil {
		return Origin{}, err
	}
	if o.host, err = hostOf(name); err != nil {
		return Origin{}, err
	}
	if o.port = port; port == "" {
		o.port = ports[o.scheme]
	}
	return o, nil
}

// String returns the origin as browsers write it.
func (o Origin) String() string {
	text := o.scheme + "://" + o.host
	if o.port != ports[o.scheme] {
		text += ":" + o.port
	}
	return text
}

// IsOf reports whether pages of the origin are those of the server that a request was sent to. host is the request's Host, with
// or without a port. secure says whether the client has used https, if that is known. Where it is not known, a proxy may have
// ended TLS: then a page of either scheme is the server's own, with the port that its scheme has without one.
func (o Origin) IsOf(host string, secure, known bool) bool {
	if o.scheme != http && o.scheme != https || known && secure != (o.scheme == https) {
		return false
	}
	own, err := Parse(o.scheme + "://" + host)
	return err == nil && own == o
}

// List are origins that an operator has named.
type List []Origin

// ParseList reads the origins of a list. The error names every text that is none.
func ParseList(texts []string) (List, error) {
	list := make(List, len(texts))
	var faults []error
	for i, text := range texts {
		var err error
		if list[i], err = Parse(text); err != nil {
			faults = append(faults, fmt.Errorf("origin %q: %w", text, err))
		}
	}
	return list, errors.Join(faults...)
}

// Has reports whether the text of an Origin header means an origin of the list.
func (l List) Has(text string) bool {
	o, err := Parse(text)
	return err == nil && slices.Contains(l, o)
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// splitPort splits a port from the end of host:port, and checks it.
func splitPort(text string) (host, port string, err error) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 || strings.HasSuffix(text, "]") { // the colon of an IPv6 address
		return text, "", nil
	}
	host, port = text[:i], text[i+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '0' {
		return "", "", errors.New("the port must be 1 to 65535, without zeros before it")
	}
	return host, port, nil
}

// names turns names beyond ASCII into their ASCII form, as browsers do (UTS #46, not transitional).
var names = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false))

func hostOf(name string) (string, error) {
	if inner, found := strings.CutPrefix(name, "["); found {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", errors.New("what stands in brackets must be an IPv6 address without a zone")
		}
		return "[" + addr.String() + "]", nil
	}
	ascii := strings.ToLower(name)
	if strings.IndexFunc(name, func(c rune) bool { return c > 0x7f }) >= 0 {
		var err error
		if ascii, err = names.ToASCII(name); err != nil {
			return "", fmt.Errorf("the host is not a name: %w", err)
		}
	}
	for i := range len(ascii) { // also after the mapping, which could make a slash or a colon
		if c := ascii[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return "", errForm
		}
	}
	if strings.Trim(ascii, ".") == "" {
		return "", errForm
	}
	return ascii, nil
}
