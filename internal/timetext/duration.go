package timetext

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// longUnits are the units that Go's durations do not have, in hours. A day is always 24 hours, whatever the clocks of a place do.
var longUnits = map[string]int64{"d": 24, "w": 7 * 24}

// component is a number with its unit, at the beginning of a text.
var component = regexp.MustCompile(`^([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)`)

// ParseDuration reads a duration: whole or decimal numbers with their units w, d, h, m, s, ms, us or ns, such as 90m, 2d or
// 1d12h, with a sign or without. A number without a unit is an error, but for 0. It does not block, and may be called concurrently.
func ParseDuration(text string) (time.Duration, error) {
	fault := fmt.Errorf("%q is not a duration, such as 10s, 90m, 24h, 2d or 1w", text)
	rest, negative := strings.CutPrefix(text, "-")
	if !negative {
		rest = strings.TrimPrefix(text, "+")
	}
	if rest == "0" {
		return 0, nil
	}
	var nanos int64
	for first := true; first || rest != ""; first = false {
		m := component.FindStringSubmatch(rest)
		if m == nil {
			return 0, fault
		}
		rest = rest[len(m[0]):]
		times, unit := int64(1), m[2]
		if hours, ok := longUnits[unit]; ok {
			times, unit = hours, "h"
		}
		d, err := time.ParseDuration(m[1] + unit)
		if err != nil || int64(d) > (math.MaxInt64-nanos)/times {
			return 0, fault
		}
		nanos += int64(d) * times
	}
	if negative {
		nanos = -nanos
	}
	return time.Duration(nanos), nil
}
