package driver

import (
	"fmt"
	"slices"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Switch says that a feature is in use, so that every node has to know it. It is written into the store once and never
// taken back.
type Switch struct {
	Feature chat.Feature
	Release string    // the version of Restante that switched it on
	At      time.Time // UTC, microseconds
}

// CheckSwitches returns an error of class errs.Unavailable if this version does not know a feature that is switched on. It
// says which version does: the one that switched the newest such feature on.
func CheckSwitches(on []Switch) error {
	unknown := slices.DeleteFunc(slices.Clone(on), func(s Switch) bool { return chat.Knows(s.Feature) })
	if len(unknown) == 0 {
		return nil
	}
	newest := slices.MaxFunc(unknown, func(a, b Switch) int { return a.At.Compare(b.At) })
	return &errs.Error{Code: errs.Unavailable, Msg: fmt.Sprintf(
		"the database uses %[1]s since version %[2]s, which this version does not know: run version %[2]s or newer",
		newest.Feature, newest.Release)}
}
