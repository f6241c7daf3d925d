package api

import (
	"context"
	"math"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
)

// wanted says which page of a room's log is read: the one after a number, before one or since a time. Otherwise it is the
// newest one.
type wanted struct {
	room          string
	after, before seqParam
	since         *time.Time
	epoch         string // of after or before; "": the present one
	limit         int
}

func (q *wanted) forward() bool { return q.after.Set || q.since != nil }

// logPage is a page of a room's log, read in one epoch.
type logPage struct {
	room     chat.Room // as it was before the messages were read
	from     int64     // the number after which, or else before which, the messages were read
	messages []chat.Message
	reset    *chat.Reset // what a reader must be told whose cursor was not followed; or nil
}

// last returns the number of the newest message that is known of the room.
func (p *logPage) last() int64 {
	if n := len(p.messages); n > 0 {
		return max(p.room.LastSeq, p.messages[n-1].Seq)
	}
	return p.room.LastSeq
}

// oldest returns the number of the oldest message that is kept, 0 if there is none.
func (p *logPage) oldest() int64 {
	if len(p.messages) > 0 {
		return p.room.Oldest() // not 0, even if the room was empty when it was looked at
	}
	return p.room.OldestSeq
}

var errTorn error = &errs.Error{Code: errs.Unavailable, Msg: "the log has become another one while it was read"}

// readPage reads a page. Between the look at the room and the read of its messages the store may have gone back, or messages
// may have been removed: then it reads once more.
func (a *API) readPage(ctx context.Context, q *wanted) (logPage, error) {
	p, err := a.readOnce(ctx, q)
	if err == nil && (p.torn(q) || p.skips(q)) {
		p, err = a.readOnce(ctx, q)
	}
	switch {
	case err != nil:
		return p, err
	case p.torn(q):
		return p, errTorn
	default:
		return p, a.holdAnswer(ctx, sizeOf(p.messages))
	}
}

// besidesText is about what a message takes besides its text, in bytes.
const besidesText = 512

// sizeOf returns about how many bytes messages take while they are sent: they are in memory as they were read, as they are sent, and
// encoded.
func sizeOf(messages []chat.Message) (size int) {
	for i := range messages {
		size += 3*len(messages[i].Msg) + besidesText
	}
	return size
}

// holdAnswer counts what is sent to the client of a request until the request has ended: a client may take long.
func (a *API) holdAnswer(ctx context.Context, size int) error {
	held := a.cfg.HoldAnswer(ctx)
	if err := held.Grow(size); err != nil {
		return err
	}
	context.AfterFunc(ctx, held.Release) // net/http ends the context of a request when it has been answered
	return nil
}

// torn reports whether the messages are not those of the room as it was looked at: they are of another epoch, or missing.
func (p *logPage) torn(q *wanted) bool {
	if len(p.messages) > 0 {
		return !isOf(p.messages, p.room.Epoch.ID)
	}
	if q.forward() {
		return max(p.from+1, p.room.Oldest()) <= p.room.LastSeq
	}
	return min(p.from-1, p.room.LastSeq) >= p.room.Oldest()
}

// skips reports whether the messages after a cursor do not follow it.
func (p *logPage) skips(q *wanted) bool {
	return q.after.Set && len(p.messages) > 0 && p.messages[0].Seq != p.from+1
}

// isOf reports whether messages were read in an epoch.
func isOf(messages []chat.Message, epoch string) bool {
	for i := range messages {
		if messages[i].Epoch != epoch {
			return false
		}
	}
	return true
}

// readOnce reads a page when its turn has come. The room is looked at first: if the messages are of the epoch that it was in
// then, so is everything that was read between the two.
func (a *API) readOnce(ctx context.Context, q *wanted) (p logPage, err error) {
	done, err := a.cfg.Turns.Take(ctx)
	if err != nil {
		return p, err
	}
	defer done()
	if p.room, err = a.cfg.Rooms.Room(ctx, q.room); err != nil {
		return p, err
	}
	if !q.forward() {
		if err = a.resolveBefore(ctx, q, &p); err == nil {
			p.messages, err = a.cfg.History.Before(ctx, q.room, p.from, q.limit)
		}
		return p, err
	}
	if err = a.resolveAfter(ctx, q, &p); err == nil {
		p.messages, err = a.cfg.History.After(ctx, q.room, p.from, q.limit)
	}
	return p, err
}

// resolveAfter finds the number after which to read.
func (a *API) resolveAfter(ctx context.Context, q *wanted, p *logPage) (err error) {
	if q.since != nil {
		p.from, err = a.cfg.History.SeqAt(ctx, q.room, *q.since)
		return err
	}
	p.from, p.reset, err = a.resume(ctx, p.room, chat.Cursor{Room: q.room, Seq: q.after.Value, Epoch: q.epoch})
	return err
}

// resolveBefore finds the number before which to read. A number of another epoch stands for another message now, so the newest
// page is read instead.
func (a *API) resolveBefore(ctx context.Context, q *wanted, p *logPage) (err error) {
	p.from = math.MaxInt64
	switch {
	case !q.before.Set:
	case q.epoch == "" || q.epoch == p.room.Epoch.ID:
		p.from = q.before.Value
	default:
		_, p.reset, err = a.resume(ctx, p.room, chat.Cursor{Room: q.room, Seq: q.before.Value, Epoch: q.epoch})
	}
	return err
}

func (a *API) resume(ctx context.Context, room chat.Room, c chat.Cursor) (int64, *chat.Reset, error) {
	return chat.Resume(room, c, func(epoch string) (int64, error) { return a.cfg.History.Beginning(ctx, room.Name, epoch) })
}

// readOn reads the page that follows the message last in the middle of an answer, when its turn has come. The page must be of
// the same epoch and leave nothing out: the reader could not be told.
func (a *API) readOn(ctx context.Context, room, epoch string, last int64) ([]chat.Message, error) {
	done, err := a.cfg.Turns.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	page, err := a.cfg.History.After(ctx, room, last, chat.MaxPage)
	if err == nil && (len(page) == 0 || page[0].Seq != last+1 || !isOf(page, epoch)) {
		return nil, errTorn
	}
	return page, err
}
