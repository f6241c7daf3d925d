package hub

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

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
	release  func() // of Config.Connect
	joined   string // the room that the call in progress has joined; empty: none
}

// Connect implements signalr.Hub. The hub URL may name rooms and cursors (?room=a&after=7&epoch=…&room=b): the nth after, rev and
// epoch belong to the nth room. Without room it is the default room from now on, if the client may read it; with an empty
// one, or "-", it is none.
func (c chatHub) Connect(ctx context.Context, sc *signalr.Conn, query url.Values) (signalr.Session, error) {
	s, err := c.hub.connect(ctx, sc, encodingOf(sc.Protocol()), query)
	if err != nil {
		return nil, c.hub.refused(ctx, "Connect", err)
	}
	return s, nil
}

// connect returns the session of a new connection, with the rights of the client of ctx until Renewed. Close it.
func (h *Hub) connect(ctx context.Context, out sink, enc encoding, query url.Values) (*session, error) {
	client, err := auth.From(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkQuery(query); err != nil {
		return nil, err
	}
	clientID, err := clientIDOf(query, client)
	if err != nil {
		return nil, err
	}
	cursors, err := cursorsOf(query, client)
	if err != nil {
		return nil, err
	}
	if err := h.checkRooms(len(cursors)); err != nil {
		return nil, err
	}
	release, err := h.cfg.Connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{hub: h, conn: h.newConn(ctx, out, enc), clientID: clientID, release: release}
	for _, cursor := range cursors {
		if _, err := s.conn.follow(ctx, cursor); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// clientIDOf returns the sender of messages that name none: the sub of the token, otherwise the client_id of the hub URL.
// If both are given they must be equal.
func clientIDOf(query url.Values, client *auth.Client) (string, error) {
	named := chat.TrimName(query.Get("client_id"))
	if client.ID != "" && named != "" && named != client.ID {
		return "", &errs.Error{
			Code: errs.Forbidden, Field: "client_id", Msg: "is not the one of the token; leave it out", Err: auth.Denial{Reason: "client_id"},
		}
	}
	return cmp.Or(client.ID, named), nil
}

// checkRooms returns an errs.TooMany error if a connection may not have joined that many rooms.
func (h *Hub) checkRooms(rooms int) error {
	if limit := h.cfg.MaxRooms; limit >= 0 && rooms > limit {
		return &errs.Error{
			Code: errs.TooMany, Msg: fmt.Sprintf("a connection may have joined %d rooms at a time; leave one first", limit),
		}
	}
	return nil
}

// Answered implements signalr.Session.
func (s *session) Answered(ctx context.Context) {
	if s.joined != "" {
		s.conn.release(ctx, s.joined)
		s.joined = ""
	}
}

// Renewed implements signalr.Session.
func (s *session) Renewed(ctx context.Context) {
	client, err := auth.From(ctx)
	if err != nil {
		client = &auth.Client{ID: s.clientID} // a request without a client may do nothing
	}
	s.conn.renew(client)
}

// Close implements signalr.Session.
func (s *session) Close() {
	s.conn.close()
	s.release()
}
