package api

import (
	"errors"

	"restante/internal/chat"
	"restante/internal/errs"
)

// CursorParams belong to a number in a query and say which log it is of, see chat.Cursor. It is exported because huma reads
// embedded parameters only of exported types.
type CursorParams struct {
	Rev   seqParam `query:"rev" doc:"with after: the number of the last change that was seen; this version has no changes and ignores it" example:"0"`
	Epoch string   `query:"epoch" doc:"the epoch of the number, as a page or the id of an event named it; without it, the present one" example:"5f0c9a3b7e21d846"`
}

// check returns an error for each parameter that is not what it must be, or that stands without its number: after is whether
// that is given, and numbered whether any number is.
func (p *CursorParams) check(after, numbered bool) error {
	var revErr, epochErr error
	if p.Rev.Set && !after {
		revErr = errs.Field("rev", "is part of a cursor: it needs after")
	}
	switch {
	case p.Epoch == "":
	case !chat.IsEpoch(p.Epoch):
		epochErr = errs.Field("epoch", "must be the id of an epoch, as a page or the id of an event names it")
	case !numbered:
		epochErr = errs.Field("epoch", "is part of a cursor: it needs the number that it belongs to")
	}
	return errors.Join(revErr, epochErr)
}

// nameField returns err, which names the field after, as an error of the field from which the number was read.
func nameField(field string, err error) error {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Field == "after" {
		named := *e
		named.Field = field
		return &named
	}
	return err
}
