package load

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// AcceptLatencies returns how long each accepted send took, from its first attempt to its 2xx.
func AcceptLatencies(sends []Send) []time.Duration {
	all := make([]time.Duration, 0, len(sends))
	for i := range sends {
		if !sends[i].Accepted.IsZero() {
			all = append(all, sends[i].Accepted.Sub(sends[i].Begun))
		}
	}
	return all
}

// Latencies returns those of all readings together.
func Latencies(readings []Reading) []time.Duration {
	var all []time.Duration
	for i := range readings {
		all = append(all, readings[i].Latencies...)
	}
	return all
}

// Percentile returns the smallest of the values that the share p (0 to 1) of them does not exceed, 0 for none. It sorts
// values.
func Percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[max(0, int(math.Ceil(p*float64(len(values))))-1)]
}

func milliseconds(values []time.Duration, p float64) string {
	return fmt.Sprintf("%.2f ms", float64(Percentile(values, p))/float64(time.Millisecond))
}
