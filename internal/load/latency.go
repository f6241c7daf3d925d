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

// Latencies returns the latencies of all readings.
func Latencies(readings []Reading) []time.Duration {
	var all []time.Duration
	for i := range readings {
		all = append(all, readings[i].Latencies...)
	}
	return all
}

// AcceptPause returns the longest time between a 2xx and the next one, over all sends.
func AcceptPause(sends []Send) time.Duration {
	times := make([]time.Time, 0, len(sends))
	for i := range sends {
		if !sends[i].Accepted.IsZero() {
			times = append(times, sends[i].Accepted)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	var pause time.Duration
	for i := 1; i < len(times); i++ {
		pause = max(pause, times[i].Sub(times[i-1]))
	}
	return pause
}

// DeliveryPause returns the longest time that any of the readers waited between a message and the next one.
func DeliveryPause(readings []Reading) time.Duration {
	var pause time.Duration
	for i := range readings {
		pause = max(pause, readings[i].Pause)
	}
	return pause
}

// Percentile returns the smallest value that is not exceeded by the share p (0 to 1) of the values, or 0 if there are
// none. It sorts values.
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
