// Package auth decides what clients may do. Verifier turns tokens into clients, which travel in the context of a request.
// CheckSender and Log check what the client may send and read; every way to send or read goes through them. In the journey
// they come before Accept, and before every reader of a log.
//
// A request that has passed neither a Verifier nor Open has no client: it may do nothing.
package auth

import (
	"context"
	"time"

	"restante/internal/errs"
)

// Client is the sender of a request and what it may do. It is shared and never changes.
type Client struct {
	ID      string    // the token's sub; "" without authentication, where a request may come with any client_id
	TokenID string    // the token's jti; "" if it has none
	Rooms   Rooms     // what it may read, and write if Publish
	Publish bool      // it may send
	Admin   bool      // it may use the operator's endpoints
	Issued  time.Time // when the token was issued: the newest of several tokens counts; zero: not known
	Expires time.Time // when its connections and streams end; zero: never
}

// Anyone returns the client of requests to a server without authentication: it may do everything, under any client_id.
func Anyone() *Client { return &Client{Rooms: Rooms{"*"}, Publish: true, Admin: true} }

type contextKey struct{}

// identity is the outcome of identifying the sender of a request.
type identity struct {
	client *Client
	err    error     // why there is none
	by     *Verifier // that has checked the token, and knows when it is revoked; nil: it never is
}

// With returns a context for requests of client.
func With(ctx context.Context, client *Client) context.Context {
	return context.WithValue(ctx, contextKey{}, identity{client: client})
}

// Refused returns a context for requests without a client. err says why and has the class errs.Unauthenticated or
// errs.Unavailable.
func Refused(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, contextKey{}, identity{err: err})
}

// From returns the client of a request, or an error that tells the sender why there is none: errs.Unauthenticated, or
// errs.Unavailable when the token could not be checked. A token that was revoked since the request came is refused from then on.
func From(ctx context.Context) (*Client, error) {
	found, ok := ctx.Value(contextKey{}).(identity)
	switch {
	case !ok:
		return nil, refused(missing)
	case found.err != nil:
		return nil, found.err
	}
	if err := found.by.checkRevoked(found.client); err != nil {
		return nil, err
	}
	return found.client, nil
}

// CanRead returns nil if the client may read the room, otherwise an errs.Forbidden error.
func (c *Client) CanRead(room string) error {
	if !c.Rooms.Has(room) {
		return forbidden("room", Denial{Reason: "room", Room: room}, "the token is not for this room")
	}
	return nil
}

// CanSend returns nil if the client may send to the room in the name of clientID, otherwise an errs.Forbidden error.
func (c *Client) CanSend(room, clientID string) error {
	switch {
	case c.ID != "" && clientID != c.ID:
		return forbidden("client_id", Denial{Reason: "client_id", Room: room}, "is not the one of the token; leave it out")
	case !c.Publish:
		return forbidden("", Denial{Reason: "read_only", Room: room}, "the token is for reading only")
	}
	return c.CanRead(room)
}

// Denial is why a client may not do what it asks for: the cause of an errs.Forbidden error, for the audit log. Its client does not
// see it.
type Denial struct {
	Reason string // one word, such as "room", "client_id", "read_only", "admin", "origin" or "host"
	Room   string // "": it is not about a room
}

// Error returns the reason.
func (d Denial) Error() string { return d.Reason }

func forbidden(field string, why Denial, text string) error {
	return &errs.Error{Code: errs.Forbidden, Field: field, Msg: text, Err: why}
}

// Require returns nil if the client of a request may read the room, otherwise an error of From, or errs.Forbidden.
func Require(ctx context.Context, room string) error {
	client, err := From(ctx)
	if err != nil {
		return err
	}
	return client.CanRead(room)
}

// UntilExpiry returns a context that ends when the client's token does, or is revoked.
func UntilExpiry(ctx context.Context) (context.Context, context.CancelFunc) {
	limited, cancel := context.WithCancel(ctx)
	if client, err := From(ctx); err == nil && !client.Expires.IsZero() {
		limited, cancel = context.WithDeadline(ctx, client.Expires)
	}
	stop := WhenRevoked(ctx, cancel)
	return limited, func() { stop(); cancel() }
}
