// Package auth is who may: it turns tokens into clients (Verifier), carries them with the context of a request, and
// stands before what clients can reach (Accept, Log), so that what they may is decided in one place, whichever way they
// come in. In the journey it comes before Accept, and before every reader of a log.
//
// A request that was not looked at by a Verifier, nor by Open, has no client: it may do nothing.
package auth

import (
	"context"
	"time"

	"restante/internal/errs"
)

// Client is who sends a request and what it may do. It is not changed once made, and shared.
type Client struct {
	ID      string    // the token's sub; "" without authentication, where a request may come with any client_id
	Rooms   Rooms     // what it may read, and write if Publish
	Publish bool      // it may send
	Admin   bool      // it may use the operator's endpoints
	Expires time.Time // when all that it has open ends; zero: never
}

// Anyone returns the client of requests to a server without authentication: it may do everything, in anybody's name.
func Anyone() *Client { return &Client{Rooms: Rooms{"*"}, Publish: true, Admin: true} }

type contextKey struct{}

// identity is what a request has shown of itself.
type identity struct {
	client *Client
	err    error // why there is none
}

// With returns a context whose requests are those of client.
func With(ctx context.Context, client *Client) context.Context {
	return context.WithValue(ctx, contextKey{}, identity{client: client})
}

// Refused returns a context whose requests are nobody's, because of err, which is classified errs.Unauthenticated, or
// errs.Unavailable.
func Refused(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, contextKey{}, identity{err: err})
}

// From returns the client of a request, or an error that says, to its sender, why there is none: errs.Unauthenticated, or
// errs.Unavailable when its token could not be checked.
func From(ctx context.Context) (*Client, error) {
	who, ok := ctx.Value(contextKey{}).(identity)
	switch {
	case !ok:
		return nil, refused(missing)
	case who.err != nil:
		return nil, who.err
	}
	return who.client, nil
}

// CanRead returns nil if the client may read the room, otherwise an errs.Forbidden error.
func (c *Client) CanRead(room string) error {
	if !c.Rooms.Has(room) {
		return forbidden("room", "the token is not for this room")
	}
	return nil
}

// CanSend returns nil if the client may send to the room in the name of clientID, otherwise an errs.Forbidden error.
func (c *Client) CanSend(room, clientID string) error {
	switch {
	case c.ID != "" && clientID != c.ID:
		return forbidden("client_id", "is not the one of the token; leave it out")
	case !c.Publish:
		return forbidden("", "the token is for reading only")
	}
	return c.CanRead(room)
}

func forbidden(field, text string) error {
	return &errs.Error{Code: errs.Forbidden, Field: field, Msg: text}
}

// Require returns nil if the sender of a request may read the room, otherwise an error of From, or errs.Forbidden.
func Require(ctx context.Context, room string) error {
	client, err := From(ctx)
	if err != nil {
		return err
	}
	return client.CanRead(room)
}

// UntilExpiry returns a context that ends when the client's token does.
func UntilExpiry(ctx context.Context) (context.Context, context.CancelFunc) {
	if client, err := From(ctx); err == nil && !client.Expires.IsZero() {
		return context.WithDeadline(ctx, client.Expires)
	}
	return context.WithCancel(ctx)
}
