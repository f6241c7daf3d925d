package auth

import (
	"context"
	"slices"
	"time"

	"restante/internal/chat"
	"restante/internal/journey"
)

// CheckSender returns the check of rights before next: it refuses a message that the request's client may not send. The
// error is errs.Forbidden, or that of From when the request has no client. A message without client_id, or with a blank one, gets the client's.
func CheckSender(next journey.Accepter) journey.Accepter { return senderCheck{next} }

type senderCheck struct{ next journey.Accepter }

// Accept implements journey.Accepter.
func (c senderCheck) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	client, err := From(ctx)
	if err != nil {
		return m, err
	}
	if m.ClientID = chat.TrimName(m.ClientID); m.ClientID == "" {
		m.ClientID = client.ID
	}
	if m.Room == "" {
		m.Room = chat.DefaultRoom
	}
	if err := client.CanSend(m.Room, m.ClientID); err != nil {
		return m, err
	}
	return c.next.Accept(ctx, m)
}

// Reader reads the rooms' logs; store.Store is one.
type Reader interface {
	After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	SeqAt(ctx context.Context, room string, t time.Time) (int64, error)
	Beginning(ctx context.Context, room, epoch string) (int64, error)
	Room(ctx context.Context, name string) (chat.Room, error)
	Rooms(ctx context.Context, after, before string, limit int) ([]chat.Room, error)
	RoomsNamed(ctx context.Context, names []string) ([]chat.Room, error)
}

// Log is the authorization check before the rooms' logs: it has the methods of Reader and answers with what the request's
// client may read. A room that the client may not read is an error (see Require), whether the room exists or not.
type Log struct{ Next Reader }

// After is Reader's.
func (l Log) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	if err := Require(ctx, room); err != nil {
		return nil, err
	}
	return l.Next.After(ctx, room, seq, limit)
}

// Before is Reader's.
func (l Log) Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	if err := Require(ctx, room); err != nil {
		return nil, err
	}
	return l.Next.Before(ctx, room, seq, limit)
}

// SeqAt is Reader's.
func (l Log) SeqAt(ctx context.Context, room string, t time.Time) (int64, error) {
	if err := Require(ctx, room); err != nil {
		return 0, err
	}
	return l.Next.SeqAt(ctx, room, t)
}

// Beginning is Reader's.
func (l Log) Beginning(ctx context.Context, room, epoch string) (int64, error) {
	if err := Require(ctx, room); err != nil {
		return 0, err
	}
	return l.Next.Beginning(ctx, room, epoch)
}

// Room is Reader's.
func (l Log) Room(ctx context.Context, name string) (chat.Room, error) {
	if err := Require(ctx, name); err != nil {
		return chat.Room{}, err
	}
	return l.Next.Room(ctx, name)
}

// Rooms is Reader's, but returns only the rooms that the client may read. It reads one span of the client's patterns after
// the other, so that the rooms between two spans, which may be a million, cost nothing.
func (l Log) Rooms(ctx context.Context, after, before string, limit int) ([]chat.Room, error) {
	client, err := From(ctx)
	if err != nil {
		return nil, err
	}
	if limit < 1 || limit > chat.MaxPage {
		limit = chat.MaxPage
	}
	var readable []chat.Room
	for spans := client.Rooms.spans(); len(readable) < limit; {
		for len(spans) > 0 && spans[0].endsBy(after) {
			spans = spans[1:]
		}
		if len(spans) == 0 || before != "" && spans[0].before() >= before {
			break
		}
		want := limit - len(readable)
		page, err := l.Next.Rooms(ctx, max(after, spans[0].before()), before, want)
		if err != nil {
			return nil, err
		}
		for _, room := range page {
			if client.Rooms.Has(room.Name) {
				readable = append(readable, room)
			}
		}
		if len(page) < want {
			break
		}
		after = page[len(page)-1].Name
	}
	return readable, nil
}

// RoomsNamed is Reader's, but looks only for the rooms that the client may read.
func (l Log) RoomsNamed(ctx context.Context, names []string) ([]chat.Room, error) {
	client, err := From(ctx)
	if err != nil {
		return nil, err
	}
	readable := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !client.Rooms.Has(name) })
	if len(readable) == 0 {
		return nil, nil
	}
	return l.Next.RoomsNamed(ctx, readable)
}
