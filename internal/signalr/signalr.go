// Package signalr speaks the ASP.NET Core SignalR protocol to stock clients: negotiation, WebSockets, Server-Sent Events
// and long polling, JSON and MessagePack, handshake, invocations, keep-alive and close. It knows no chat: a Hub gives it
// methods to call, and gets connections to write to. In the journey of a message it is the entry point of SendMessage at
// one end, and what Deliver writes to at the other.
//
// Files in the order of what happens: server (routing) → cors, headers, identity (checks) → nodes, locate (other nodes) → negotiate,
// refresh → websocket, events, longpoll, post, early (transports) → inbox (bytes to messages) → handshake → json, messagepack
// (codecs) → dispatch (messages to the hub), rights (of its calls) → conn, socket, queue (writing) → sweep (timeouts) → drain (the
// end). Connections that outlive their WebSockets: resume (the client comes back) → resumable (their outlet) → sent, replay,
// received (what is numbered).
package signalr

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
)

// Hub is what the protocol serves: methods that clients call, and a session for each connection.
type Hub interface {
	// Methods returns the canonical names of the methods; clients' targets are matched without regard to case. It is
	// called once.
	Methods() []string

	// Connect is called once for a connection, when its handshake is valid and before it is answered: the client knows only
	// afterwards that it is connected. What is written to c meanwhile follows the answer (see Conn.TryWrite). query is that
	// of the hub URL in the transport's opening request, without the connection's secrets. ctx carries the values of that
	// request, or of the one that has shown a newer token since, and ends with the connection. An error closes the connection; the client is shown the text of a *HubError.
	Connect(ctx context.Context, c *Conn, query url.Values) (Session, error)
}

// Session is the hub's side of one connection.
type Session interface {
	// Invoke runs one call. Calls of a connection come one at a time, in the order sent. The result is marshalled with
	// encoding/json (and transcoded for MessagePack); nil is a void completion. The client is shown the text of a *HubError,
	// and of an *ArgumentError, which says that the arguments do not fit. Any other error is logged, and the client learns
	// only that the call has failed. ctx ends with the connection.
	Invoke(ctx context.Context, inv Invocation) (result any, err error)

	// Renewed is called when the client has shown a newer token than before. ctx has the values of that request and ends with the
	// connection; Invoke gets its values from then on. It must not block. It is called while a call of Invoke may run, after
	// Hub.Connect has returned the session and before Close, not by two goroutines at a time.
	Renewed(ctx context.Context)

	// Replayable reports whether the messages of the runs, which were written to the connection, can be read again by a client
	// that has come back: nil, ErrRemoved, or ErrForbidden. ctx has the values of its request. While that cannot be known, the
	// answer is nil. It may be called at any time, by several goroutines at a time.
	Replayable(ctx context.Context, runs []Run) error

	// Replay returns the first messages of a run, encoded as they were when they were written, in up to 64 KiB or one larger
	// message, and their number. It blocks while they cannot be read, and returns ErrRemoved if they are not there any more, or
	// the error of ctx, which ends with the connection. It may be called at any time, also after Close.
	Replay(ctx context.Context, run Run) (payload []byte, count int64, err error)

	// Answered is called after each call, when its answer has been written, or dropped because the client wants none. What is
	// written to the connection from then on follows the answer. ctx is as that of Invoke. It must not block.
	Answered(ctx context.Context)

	// Close is called exactly once, after the last Invoke has returned, when the connection has ended.
	Close()
}

// Invocation is a client's call of a hub method.
type Invocation struct {
	Target string            // the canonical name
	Args   []json.RawMessage // valid JSON, transcoded when the client speaks MessagePack; valid until Invoke returns
}

// HubError is a deliberate error: its text is shown to the client.
type HubError struct{ Msg string }

// Error returns the text for the client.
func (e *HubError) Error() string { return e.Msg }

// ArgumentError says that a call's arguments do not fit the method; its text is shown to the client.
type ArgumentError struct{ Msg string }

// Error returns the text for the client.
func (e *ArgumentError) Error() string { return e.Msg }

// ErrClosed is the error of Conn.Write after the connection has ended.
var ErrClosed = errors.New("signalr: connection closed")

// Transport is the way in which a connection's bytes travel.
type Transport int

// The transports, by their names in the negotiation.
const (
	WebSockets Transport = iota + 1
	ServerSentEvents
	LongPolling
)

// String returns the transport's name in the negotiation.
func (t Transport) String() string {
	switch t {
	case WebSockets:
		return "WebSockets"
	case ServerSentEvents:
		return "ServerSentEvents"
	case LongPolling:
		return "LongPolling"
	default:
		return "None"
	}
}
