package driver

import "restante/internal/revocation"

// Revoked merges an entry that is to be revoked with the one that the database has, if it has one, and reports whether the database
// must be changed.
func Revoked(e revocation.Entry, known *revocation.Entry) (merged revocation.Entry, change bool) {
	if known == nil {
		return e, true
	}
	merged = revocation.Merge(*known, e)
	return merged, !merged.Same(*known)
}
