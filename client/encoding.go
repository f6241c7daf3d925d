package client

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// identity is the name of the content coding that changes nothing (RFC 9110, 8.4.1).
const identity = "identity"

// negotiate returns the offered content coding that the Accept-Encoding headers prefer (RFC 9110, 12.5.3). The first one wins
// if several have the same weight. It is identity without a header, or if no offered coding is acceptable.
func negotiate(headers, offered []string) string {
	weights := acceptedCodings(headers)
	weight := func(coding string) float64 {
		if w, named := weights[coding]; named {
			return w
		}
		if w, named := weights["*"]; named {
			return w
		}
		if coding == identity {
			return 0.0001 // acceptable, but less than anything that is named
		}
		return 0
	}
	best := slices.MinFunc(offered, func(a, b string) int { return cmp.Compare(weight(b), weight(a)) })
	if weight(best) == 0 {
		return identity
	}
	return best
}

// acceptedCodings parses the weight of each named coding. It ignores entries that are not valid.
func acceptedCodings(headers []string) map[string]float64 {
	weights := map[string]float64{}
	for _, header := range headers {
		for member := range strings.SplitSeq(header, ",") {
			name, parameter, weighted := strings.Cut(member, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			weight, ok := 1.0, true
			if weighted {
				weight, ok = parseWeight(parameter)
			}
			if name == "x-gzip" {
				name = "gzip"
			}
			if name != "" && ok {
				weights[name] = weight
			}
		}
	}
	return weights
}

// parseWeight parses a parameter such as q=0.5.
func parseWeight(parameter string) (float64, bool) {
	name, value, ok := strings.Cut(strings.TrimSpace(parameter), "=")
	if !ok || !strings.EqualFold(name, "q") || len(value) > len("0.000") || strings.Trim(value, "0123456789.") != "" {
		return 0, false
	}
	weight, err := strconv.ParseFloat(value, 64)
	return weight, err == nil && weight <= 1
}
