package driver

import (
	"crypto/rand"
	"encoding/hex"
	"slices"

	"restante/internal/chat"
	"restante/internal/errs"
)

// NewMark returns 16 random hexadecimal digits: a mark, or the id of an epoch.
func NewMark() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// Same reports whether two lineages are of one store in one epoch. Their marks may differ: they are renewed all the time.
func (l Lineage) Same(other Lineage) bool {
	return l.Store == other.Store && slices.Equal(l.Epochs, other.Epochs) && slices.Equal(l.Begins, other.Begins)
}

// OtherLineage returns the error of RestoreEpochs for a store that is not new and has the given lineage.
func OtherLineage(known Lineage) error {
	return &errs.Error{Code: errs.Conflict, Msg: "the target is a store of its own (id " + known.Store + ") with messages or epochs; copy into an empty database"}
}

// EndsBefore returns the error of RestoreRoom for a room that ends before the last number that was removed.
func EndsBefore(known, r chat.Room) error {
	return conflict(r.Name, r.LastSeq, "was removed in the source; the target ends with number %d, and lacks what is between", known.LastSeq)
}
