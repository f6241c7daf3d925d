package epoch

import (
	"context"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// Adopter is a judge that begins a new epoch in the database that a driver reaches first, for a tool: readers of another store whose
// numbers they compare with those of this one are told. Its methods may be called concurrently.
type Adopter struct {
	// Reason is why the epoch before ends: a sentence without a full stop.
	Reason string
	// Store is the id of the store. The epoch of another one is not ended.
	Store string

	entered chan chat.Epoch
}

var _ driver.Judge = (*Adopter)(nil)

// NewAdopter returns an Adopter.
func NewAdopter(store, reason string) *Adopter {
	return &Adopter{Reason: reason, Store: store, entered: make(chan chat.Epoch, 1)}
}

// Judge implements driver.Judge.
func (a *Adopter) Judge(_ context.Context, l driver.Look) (driver.Verdict, error) {
	if l.Epoch.Store != a.Store {
		return driver.Verdict{}, &errs.Error{Code: errs.Conflict, Msg: "the database is the store " + l.Epoch.Store + " now"}
	}
	return driver.Verdict{End: a.Reason}, nil
}

// KnowsMark implements driver.Judge.
func (*Adopter) KnowsMark(string) bool { return true }

// Entered implements driver.Judge.
func (a *Adopter) Entered(e chat.Epoch) {
	select {
	case a.entered <- e:
	default:
	}
}

// Await returns the new epoch. It blocks until that has begun or ctx is done.
func (a *Adopter) Await(ctx context.Context) (chat.Epoch, error) {
	select {
	case e := <-a.entered:
		return e, nil
	case <-ctx.Done():
		return chat.Epoch{}, errs.Wrap(errs.Unavailable, context.Cause(ctx), "no new epoch could be begun in the database")
	}
}
