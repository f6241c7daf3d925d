//go:build !tomorrow

package upgrade

import "time"

// silence is how long a node must be silent until it counts as gone for good, although it has not said goodbye: it may
// only have lost its connection to the broker.
const silence = 10 * time.Minute
