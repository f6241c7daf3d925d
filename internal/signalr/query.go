package signalr

import (
	"net/url"
	"strings"
)

// parseQuery reads a query as browsers write it: a ';' is an ordinary character. What is escaped wrongly is kept as it is, so that
// the hub can refuse it, instead of reading a query without it.
func parseQuery(raw string) url.Values {
	query := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			name = unescaped(name)
			query[name] = append(query[name], unescaped(value))
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
