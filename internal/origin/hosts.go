package origin

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Hosts are the names under which a server answers, besides those of its own machine. An attacker can make the name of a foreign page
// lead to any machine (DNS rebinding). A browser then takes the page for the server's own. So a server that asks for no token answers
// only under names that no attacker has.
type Hosts []string // as ParseHost returns them

// ParseHost reads the name of a host, in any case and with a dot at its end or without. It is not a URL, and has no port and no
// wildcard.
func ParseHost(text string) (string, error) {
	name := plain(text)
	if host, err := hostOf(name); err != nil || host != name || strings.ContainsAny(name, "*/@:[]") {
		return "", errors.New("want a name without scheme and port, such as chat.example.org; names beyond ASCII are written as xn--…")
	}
	return name, nil
}

// Answer reports whether a request with this Host header, which may have a port, is answered: its host is localhost or below it, an
// address, or one of the names. No name leads to a literal address, so no page can pretend to be of one.
func (h Hosts) Answer(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")); err == nil {
		return true
	}
	name := plain(host)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || slices.Contains(h, name)
}

// plain returns a name in lower case and without the dot at its end, which means the same.
func plain(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }
