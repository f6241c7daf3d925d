package journey_test

import (
	"errors"
	"testing"

	"restante/internal/errs"
	"restante/internal/journey"
)

func TestTold_NeverCallsAnUnknownOutcomeNotAccepted(t *testing.T) {
	lost := errs.Wrap(errs.Unavailable, errors.New("EOF"), "no confirm came")
	for _, tc := range []struct {
		err      error
		id, want string
	}{
		{lost, "7", "it is not known whether the message was accepted: why; send it again with the same id, 7, that cannot make it appear twice"},
		{lost, "", "it is not known whether the message was accepted: why; it has no id by which it could be sent again, so look whether it is there"},
		{errs.Undone(lost), "7", "the message was not accepted: why; send it again with the same id, 7, that cannot make it appear twice"},
		{errs.Undone(lost), "", "the message was not accepted: why; send it again"},
	} {
		if got := journey.Told(tc.err, "why", tc.id); got != tc.want {
			t.Errorf("%v, id %q: %s\nwant %s", tc.err, tc.id, got, tc.want)
		}
	}
}
