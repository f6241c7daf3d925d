//go:build !unix

package limit

import "math"

// openFiles returns how many sockets the process may have open at a time: this system sets no limit.
func openFiles() int { return math.MaxInt32 / 9 }
