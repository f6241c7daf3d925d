package client

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// identity is the name of the content coding that changes nothing (RFC 9110, 8.4.1).
const identity = "identity"

// negotiate returns which of the offered content codings the Accept-Encoding headers prefer (RFC 9110, 12.5.3). Between
// equals the first wins. Without a header, or when none is wanted, it is identity.
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

// acceptedCodings reads the weight of each coding that is named. What cannot be understood is as if it were not there.
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

// parseWeight reads a parameter q=0.5.
func parseWeight(parameter string) (float64, bool) {
	name, value, ok := strings.Cut(strings.TrimSpace(parameter), "=")
	if !ok || !strings.EqualFold(name, "q") || len(value) > len("0.000") || strings.Trim(value, "0123456789.") != "" {
		return 0, false
	}
	weight, err := strconv.ParseFloat(value, 64)
	return weight, err == nil && weight <= 1
}
