package signalr

import (
	"net/url"
	"strings"
)

// parseQuery reads a query as browsers write it: a ';' is an ordinary character. What is escaped wrongly is kept as it is, so that
// the hub can refuse it, instead of reading a query without it. The values can be kept: each has memory of its own.
func parseQuery(raw string) url.Values {
	query := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			name = strings.Clone(unescaped(name))
			query[name] = append(query[name], strings.Clone(unescaped(value)))
		}
	}
	return query
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

const maxKeptValue = 1 << 10 // bytes of a value, as it was written: more than any that the hub takes

// keepQuery returns what the hub needs of the query of a request that opens a connection, in memory of its own: neither the secrets
// nor what Config.Keeps does not name. A value that is too long is cut, and stays too long for the hub.
func (s *Server) keepQuery(raw string) string {
	var kept strings.Builder
	for pair := range strings.SplitSeq(raw, "&") {
		written, value, given := strings.Cut(pair, "=")
		if len(written) > maxKeptValue {
			continue
		}
		name := unescaped(written)
		if pair == "" || isSecret(name) || s.cfg.Keeps != nil && !s.cfg.Keeps(name) {
			continue
		}
		if kept.Len() > 0 {
			kept.WriteByte('&')
		}
		kept.WriteString(written)
		if given {
			kept.WriteByte('=')
			kept.WriteString(value[:min(len(value), maxKeptValue)])
		}
	}
	return kept.String()
}

// isSecret reports whether a parameter has the token of a client or of a connection.
func isSecret(name string) bool {
	return strings.EqualFold(name, "id") || strings.EqualFold(name, "access_token")
}
