package signalr

import (
	"context"
	"time"
)

// newerThan reports whether the token of a request is newer than that of another one: it was issued later, or, where that is
// equal or not known of both, it ends later.
func (i Identity) newerThan(other Identity) bool {
	if !i.Issued.IsZero() && !other.Issued.IsZero() && !i.Issued.Equal(other.Issued) {
		return i.Issued.After(other.Issued)
	}
	if i.Expires.IsZero() || other.Expires.IsZero() {
		return i.Expires.IsZero() && !other.Expires.IsZero()
	}
	return i.Expires.After(other.Expires)
}

// callContext is the context of a connection's calls after a newer token was shown: it ends with the connection, and has the
// values of the request that has shown the token.
type callContext struct {
	conn   *Conn
	values context.Context
}

// Deadline implements context.Context.
func (c *callContext) Deadline() (deadline time.Time, ok bool) { return c.conn.ctx.Deadline() }

// Done implements context.Context.
func (c *callContext) Done() <-chan struct{} { return c.conn.ctx.Done() }

// Err implements context.Context.
func (c *callContext) Err() error { return c.conn.ctx.Err() }

// Value implements context.Context.
func (c *callContext) Value(key any) any { return c.values.Value(key) }

// AfterFunc lets package context wait for the end of the connection without a goroutine for each call.
func (c *callContext) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(c.conn.ctx, f) }

// present is called with what a later request for the connection shows: ctx has the request's values, sender is who has sent
// it. A newer token than the one that the connection has takes over its expiry and its rights: later calls get the values of
// ctx, and the session is told. An older token, or the same, changes nothing. It refuses requests of other clients, and of all
// when the connection has ended. It does not block, and may be called concurrently, also before the connection is open.
func (c *Conn) present(ctx context.Context, sender Identity) *Refusal {
	c.rights.Lock()
	defer c.rights.Unlock()
	if sender.Name != c.owner || c.expired || c.stopped.Load() || !c.server.cfg.Valid(ctx) {
		return errNoConnection
	}
	if !sender.newerThan(Identity{Issued: c.issued, Expires: c.expires}) {
		return nil
	}
	c.issued, c.expires = sender.Issued, sender.Expires
	c.renewed = &callContext{c, context.WithoutCancel(ctx)}
	if c.session != nil {
		c.session.Renewed(c.renewed)
	}
	return nil
}

// expiry returns when the connection ends unless its client shows a newer token; zero: never.
func (c *Conn) expiry() time.Time {
	c.rights.Lock()
	defer c.rights.Unlock()
	return c.expires
}

// callsContext returns the context of the connection's next call.
func (c *Conn) callsContext() context.Context {
	c.rights.Lock()
	defer c.rights.Unlock()
	if c.renewed != nil {
		return c.renewed
	}
	return c.ctx
}

// setSession sets the session that the hub has made with the context of calls made. If a newer token was shown meanwhile, the session
// is told of it. The caller holds turn.
func (c *Conn) setSession(made context.Context, session Session) {
	c.rights.Lock()
	defer c.rights.Unlock()
	c.session = session
	if c.renewed != nil && context.Context(c.renewed) != made {
		session.Renewed(c.renewed)
	}
}

// liveSession returns the session; nil when there is none any more.
func (c *Conn) liveSession() Session {
	c.rights.Lock()
	defer c.rights.Unlock()
	return c.session
}

// endSession closes the session, which is told of no rights any more. The caller holds turn.
func (c *Conn) endSession() {
	c.rights.Lock()
	session := c.session
	c.session = nil
	c.rights.Unlock()
	if session != nil {
		session.Close()
	}
}
