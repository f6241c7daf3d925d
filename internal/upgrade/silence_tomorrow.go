//go:build tomorrow

package upgrade

import "time"

// silence is short in the variant of the tests of rolling upgrades, which is the only one that has a feature to switch on.
const silence = 3 * time.Second
