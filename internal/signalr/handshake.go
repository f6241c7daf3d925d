package signalr

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// newestVersion is the newest version of the handshake. Clients that ask for stateful reconnect send 2, others 1, some old
// ones 0.
const newestVersion = 2

// handshake connects the client to the hub if its handshake request is valid, and answers the request. It tells the hub
// first, so that everything that the client does once it is connected comes after Hub.Connect. What the hub writes
// meanwhile waits for the answer, which is the first message on the wire (see TryWrite).
func (c *Conn) handshake(request []byte) {
	protocol, version, problem := parseHandshake(request)
	if problem == "" && protocol == MessagePack && c.transport == ServerSentEvents {
		problem = "Cannot use the 'messagepack' protocol on the current transport. " +
			"The transport does not support 'Binary' transfer format."
	}
	if problem != "" {
		c.stop(causeHandshake, handshakeError(problem))
		return
	}
	c.speak(protocol)
	ctx := c.callsContext()
	session, err := c.connect(ctx)
	if err == nil {
		c.setSession(ctx, session)
	}
	c.accept(version)
	if err != nil {
		text := closedText
		if e, ok := errors.AsType[*HubError](err); ok {
			text += " HubException: " + e.Msg
		} else {
			c.server.log.Warn("hub refused connection", "connection", c.id, "error", err)
		}
		c.stop(causeRefused, c.protocol.appendClose(nil, text, false))
	}
}

// speak sets the protocol. It also chooses the type of frames: the answer to the handshake has that type already.
func (c *Conn) speak(protocol Protocol) {
	c.phase.Lock()
	defer c.phase.Unlock()
	c.protocol = protocol
}

// accept answers the handshake. From here on the client understands messages.
func (c *Conn) accept(version int) {
	c.phase.Lock()
	defer c.phase.Unlock()
	if r, ok := c.out.(*resumable); ok {
		r.on.Store(version == newestVersion) // before the client knows that it may come back
	}
	c.out.write([]byte("{}\x1e"), Run{}, true)
	c.handshakeDone.Store(true)
	close(c.accepted)
}

// connect tells the hub of the connection.
func (c *Conn) connect(ctx context.Context) (session Session, err error) {
	defer recovered("connect", &err)
	return c.server.hub.Connect(ctx, c, c.hubQuery())
}

// parseHandshake returns the protocol and the version asked for, or the error text to answer.
func parseHandshake(request []byte) (p Protocol, version int, problem string) {
	var h struct {
		Protocol *string `json:"protocol"`
		Version  *int    `json:"version"`
	}
	if err := json.Unmarshal(request, &h); err != nil || h.Protocol == nil || h.Version == nil {
		return JSON, 0, "An unexpected error occurred during connection handshake."
	}
	protocol := JSON
	switch *h.Protocol {
	case "json":
	case "messagepack":
		protocol = MessagePack
	default:
		return JSON, 0, "The protocol '" + *h.Protocol + "' is not supported."
	}
	if *h.Version > newestVersion {
		return JSON, 0, fmt.Sprintf("The server does not support version %d of the '%s' protocol.", *h.Version, *h.Protocol)
	}
	return protocol, *h.Version, ""
}

// handshakeError is the answer to a handshake that fails; it is JSON in every protocol.
func handshakeError(text string) []byte {
	b := appendJSONString([]byte(`{"error":`), text)
	return append(b, '}', recordSeparator)
}
