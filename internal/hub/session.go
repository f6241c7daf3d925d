package hub

import (
	"context"
	"net/url"
	"strconv"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/signalr"
)

// Now as a cursor means from the next message on.
const Now int64 = -1

// chatHub is the hub as package signalr sees it.
type chatHub struct{ hub *Hub }

// session is one SignalR connection.
type session struct {
	hub      *Hub
	conn     *conn
	clientID string // of the hub URL; empty if it names none
}

// Connect implements signalr.Hub. The hub URL may name rooms and cursors (?room=a&after=7&room=b): the nth after
// belongs to the nth room. Without room it is the default room from now on; with an empty one it is none.
func (c chatHub) Connect(ctx context.Context, sc *signalr.Conn, query url.Values) (signalr.Session, error) {
	places, err := placesOf(query)
	if err != nil {
		return nil, hubError(err)
	}
	s := &session{
		hub:      c.hub,
		conn:     c.hub.newConn(sc, encodingOf(sc.Protocol())),
		clientID: query.Get("client_id"),
	}
	for _, p := range places {
		known, next, err := c.hub.place(ctx, p.Room, p.Seq)
		if err == nil {
			err = s.conn.follow(ctx, known, next)
		}
		if err != nil {
			s.conn.close()
			return nil, hubError(err)
		}
	}
	return s, nil
}

// placesOf returns the rooms that a hub URL names, each with its cursor.
func placesOf(query url.Values) ([]chat.Cursor, error) {
	rooms := query["room"]
	if len(rooms) == 0 {
		rooms = []string{chat.DefaultRoom}
	}
	after := query["after"]
	if len(rooms) == 1 && rooms[0] == "" {
		rooms = nil
	}
	if len(after) > len(rooms) {
		return nil, errs.Field("after", "is given %d times for %d rooms", len(after), len(rooms))
	}
	places := make([]chat.Cursor, len(rooms))
	for i, room := range rooms {
		places[i] = chat.Cursor{Room: room, Seq: Now}
		if i < len(after) {
			seq, err := strconv.ParseInt(after[i], 10, 64)
			if err != nil || seq < 0 {
				return nil, errs.Field("after", "must be the number of a message, or 0, is %q", after[i])
			}
			places[i].Seq = seq
		}
	}
	return places, nil
}

// place checks a cursor and returns what the store knows of its room and the message to read from. The store alone says
// what "now" is, the same to the client (last_seq) as to its reader: announcements may be late, or lost until the next
// Resync, so that the room's tail can be behind, or by the time it is looked at ahead. A reader that began after the
// tail would get messages again that the client knows to be before now, or not get those that came in between.
func (h *Hub) place(ctx context.Context, name string, after int64) (known chat.Room, next int64, err error) {
	if err := chat.ValidateRoom(name); err != nil {
		return known, 0, err
	}
	// The look is short and has a time limit of its own. Tied to the connection's context it would leave 360 bytes of
	// bookkeeping there for the life of every connection.
	if known, err = h.history.Room(context.WithoutCancel(ctx), name); err != nil {
		return known, 0, err
	}
	switch {
	case after == Now:
		return known, known.LastSeq + 1, nil
	case after < 0 || after > known.LastSeq:
		return known, 0, errs.Field("after", "must be from 0 to the number of the newest message, %d, is %d",
			known.LastSeq, after)
	}
	return known, after + 1, nil
}

// Close implements signalr.Session.
func (s *session) Close() { s.conn.close() }
