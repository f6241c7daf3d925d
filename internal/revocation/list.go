package revocation

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// list is what a node knows to be revoked. Its methods may be called concurrently.
type list struct {
	now  func() time.Time
	size atomic.Int64 // of entries: while nothing is revoked, no request takes the lock

	mu      sync.RWMutex
	entries map[Key]Entry
	sum     digest // of all entries
}

// digest is the exclusive or of the hashes of entries: it does not depend on their order.
type digest [16]byte

func newList(now func() time.Time) *list { return &list{now: now, entries: map[Key]Entry{}} }

// has reports whether a token was revoked, given its sub, its jti ("" for none) and when it was issued (zero: not known).
func (l *list) has(sub, jti string, issued time.Time) bool {
	if l.size.Load() == 0 {
		return false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if e, ok := l.entries[Key{Sub, sub}]; ok && (issued.IsZero() || issued.Before(e.Before)) && l.now().Before(e.Until) {
		return true
	}
	if jti == "" {
		return false
	}
	e, ok := l.entries[Key{JTI, jti}]
	return ok && l.now().Before(e.Until)
}

// add merges entries into the list, and returns those that have changed it, as they are then.
func (l *list) add(entries ...Entry) (changed []Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, e := range entries {
		if !now.Before(e.Until) {
			continue
		}
		known, ok := l.entries[e.Key]
		if ok {
			if e = Merge(known, e); e.Same(known) {
				continue
			}
			l.sum.toggle(known)
		}
		l.sum.toggle(e)
		l.entries[e.Key] = e
		changed = append(changed, e)
	}
	l.size.Store(int64(len(l.entries)))
	return changed
}

// get returns the entry of a key.
func (l *list) get(k Key) (Entry, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	e, ok := l.entries[k]
	return e, ok
}

// expire forgets entries that end no token any more, and reports whether there were any.
func (l *list) expire() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, before := l.now(), len(l.entries)
	for k, e := range l.entries {
		if !now.Before(e.Until) {
			l.sum.toggle(e)
			delete(l.entries, k)
		}
	}
	l.size.Store(int64(len(l.entries)))
	return len(l.entries) < before
}

// all returns the entries, sorted by kind and name.
func (l *list) all() []Entry {
	l.mu.RLock()
	all := make([]Entry, 0, len(l.entries))
	for _, e := range l.entries {
		all = append(all, e)
	}
	l.mu.RUnlock()
	slices.SortFunc(all, func(a, b Entry) int { return a.compare(b.Key) })
	return all
}

// compare orders keys by kind and name.
func (k Key) compare(other Key) int {
	return cmp.Or(strings.Compare(string(k.Kind), string(other.Kind)), strings.Compare(k.Name, other.Name))
}

// digest names the content of the list; "" for the empty one. Lists with the same entries have the same.
func (l *list) digest() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.entries) == 0 {
		return ""
	}
	return hex.EncodeToString(l.sum[:])
}

// toggle adds an entry to the digest, or takes it out.
func (d *digest) toggle(e Entry) {
	var text []byte
	for _, part := range []string{string(e.Kind), e.Name} {
		text = strconv.AppendInt(text, int64(len(part)), 10)
		text = append(text, ':')
		text = append(text, part...)
	}
	text = strconv.AppendInt(text, e.Before.Unix(), 10)
	text = append(text, '/')
	text = strconv.AppendInt(text, e.Until.Unix(), 10)
	hash := sha256.Sum256(text)
	for i := range d {
		d[i] ^= hash[i]
	}
}
