package hub

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/signalr"
)

// chatHub is the hub as package signalr sees it.
type chatHub struct{ hub *Hub }

// session is one SignalR connection.
type session struct {
	hub      *Hub
	conn     *conn
	clientID string // of messages that name none; empty if neither the token nor the hub URL does
	release  func() // gives back what Config.Connect has counted
}

// Connect implements signalr.Hub. The hub URL may name rooms and cursors (?room=a&after=7&room=b): the nth after
// belongs to the nth room. Without room it is the default room from now on, if the client may read it; with an empty
// one it is none.
func (c chatHub) Connect(ctx context.Context, sc *signalr.Conn, query url.Values) (signalr.Session, error) {
	s, err := c.hub.connect(ctx, sc, encodingOf(sc.Protocol()), query)
	if err != nil {
		return nil, hubError(err)
	}
	return s, nil
}

// connect returns the session of a new connection, with the rights of the client that ctx carries: that of the opening
// request. Close it.
func (h *Hub) connect(ctx context.Context, out sink, enc encoding, query url.Values) (*session, error) {
	client, err := auth.From(ctx)
	if err != nil {
		return nil, err
	}
	clientID, err := clientIDOf(query, client)
	if err != nil {
		return nil, err
	}
	places, err := placesOf(query, client)
	if err != nil {
		return nil, err
	}
	if err := h.mayHave(len(places)); err != nil {
		return nil, err
	}
	release, err := h.cfg.Connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{hub: h, conn: h.newConn(out, enc), clientID: clientID, release: release}
	for _, p := range places {
		if _, err := s.conn.follow(ctx, p.Room, p.Seq); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// clientIDOf returns the sender of messages that name none. With a token that is its sub; the hub URL may say the same.
func clientIDOf(query url.Values, client *auth.Client) (string, error) {
	named := query.Get("client_id")
	if client.ID != "" && named != "" && named != client.ID {
		return "", &errs.Error{
			Code: errs.Forbidden, Field: "client_id", Msg: "is not the one of the token; leave it out",
		}
	}
	return cmp.Or(client.ID, named), nil
}

// placesOf returns the rooms that a client's hub URL names, each with its cursor.
func placesOf(query url.Values, client *auth.Client) ([]chat.Cursor, error) {
	rooms := query["room"]
	switch {
	case len(rooms) == 0 && client.CanRead(chat.DefaultRoom) == nil:
		rooms = []string{chat.DefaultRoom}
	case len(rooms) == 1 && rooms[0] == "":
		rooms = nil
	}
	after := query["after"]
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

// mayHave returns an errs.TooMany error if a connection may not have joined so many rooms.
func (h *Hub) mayHave(rooms int) error {
	if limit := h.cfg.MaxRooms; limit >= 0 && rooms > limit {
		return &errs.Error{
			Code: errs.TooMany, Msg: fmt.Sprintf("a connection may have joined %d rooms at a time; leave one first", limit),
		}
	}
	return nil
}

// Close implements signalr.Session.
func (s *session) Close() {
	s.conn.close()
	s.release()
}
