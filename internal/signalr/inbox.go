package signalr

import (
	"errors"
	"time"

	"restante/internal/memory"
)

// inbox splits the bytes of a connection into hub messages. Transports give it what they have received: many messages, one,
// or a piece. It keeps only an incomplete message, in a buffer that grows with the bytes that have arrived.
type inbox struct {
	partial []byte
}

// reserver counts the memory of the buffer of an inbox. reserve is called before the buffer grows to size bytes. An error says that
// there is no space for them.
type reserver interface{ reserve(size int) error }

// grow makes space for n bytes more. It doubles the buffer, so that a long message that comes in small pieces is copied seldom.
func (in *inbox) grow(n int, space reserver) error {
	need := len(in.partial) + n
	if need <= cap(in.partial) {
		return nil
	}
	size := max(need, 2*cap(in.partial))
	if err := space.reserve(size); err != nil {
		return err
	}
	in.partial = append(make([]byte, 0, size), in.partial...)
	return nil
}

// next returns the first message in data, which completes what earlier calls have kept, and the rest after it. found is
// false when there is no complete message: then all of data is kept. The message is valid until the next call.
func (in *inbox) next(p Protocol, limit int, data []byte, space reserver) (content, rest []byte, found bool, err error) {
	if len(in.partial) == 0 {
		content, size, err := p.next(data, limit)
		if err != nil {
			return nil, nil, false, err
		}
		if size > 0 {
			return content, data[size:], true, nil
		}
		if err := in.grow(len(data), space); err != nil {
			return nil, nil, false, err
		}
		in.partial = append(in.partial, data...)
		return nil, nil, false, nil
	}
	return in.complete(p, limit, data, space)
}

// complete adds just as much of data as the kept message needs.
func (in *inbox) complete(p Protocol, limit int, data []byte, space reserver) (content, rest []byte, found bool, err error) {
	for len(data) > 0 {
		n, completes := p.missing(in.partial, data)
		if err := in.grow(n, space); err != nil {
			return nil, nil, false, err
		}
		in.partial = append(in.partial, data[:n]...)
		data = data[n:]
		if !completes && len(in.partial) <= limit {
			continue // searching all of it again would make many small pieces cost the square of their number
		}
		content, size, err := p.next(in.partial, limit)
		if err != nil {
			return nil, nil, false, err
		}
		if size > 0 {
			in.partial = nil // content keeps the array alive until it has been handled
			return content, data, true, nil
		}
	}
	return nil, nil, false, nil
}

// receive handles bytes from the client. It runs every message that they complete, in order, and returns when the answers
// are sent or pending, there is space for more, and the client is within its rate. The caller may then reuse data. open
// says that the frame of data, which may be empty, is not complete. from is the socket that has received it; nil for other
// transports. Calls wait for each other.
func (c *Conn) receive(data []byte, open bool, from *socket) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if r := c.resumable(); r == nil || r.reads(from) {
		c.receiveInTurn(data, open)
	}
}

// receiveInTurn is receive for a caller that holds turn.
func (c *Conn) receiveInTurn(data []byte, open bool) {
	c.received.Store(c.server.now())
	c.busy.Store(true)
	defer func() {
		c.received.Store(c.server.now()) // the server did not read what the client has sent meanwhile
		c.busy.Store(false)
		c.expire() // the sweeper, which skipped it meanwhile, may check again too late
	}()
	if !c.handleAll(data) {
		c.pace(len(data)) // pieces cost as much as messages
	}
	if !c.stopped.Load() { // otherwise release gives it back
		_ = c.reserve(cap(c.inbox.partial)) // no more than before
	}
	switch {
	case !open && len(c.inbox.partial) == 0:
		c.incompleteSince.Store(0)
	case c.incompleteSince.Load() == 0:
		c.incompleteSince.Store(max(1, c.server.now()))
	}
}

// handleAll handles the messages that data completes, and reports whether it completes any. The caller holds turn.
func (c *Conn) handleAll(data []byte) (some bool) {
	for len(data) > 0 && !c.stopped.Load() {
		protocol, limit := c.protocol, c.server.cfg.MaxMessage
		if !c.handshakeDone.Load() {
			protocol, limit = JSON, min(limit, handshakeLimit)
		}
		content, rest, found, err := c.inbox.next(protocol, limit, data, c)
		if err != nil {
			c.fail(err)
			return some
		}
		if !found {
			return some
		}
		some = true
		c.incompleteSince.Store(0) // the next message begins after this one has been handled
		if c.handshakeDone.Load() {
			c.handleRecord(content)
		} else {
			c.handshake(content)
		}
		c.awaitSpace()
		c.pace(len(data) - len(rest))
		data = rest
	}
	return some
}

// A client may send a burst of as much as its rate allows in rateBurst. If it sends faster, nothing is read from it for
// ratePause at least, so that the pauses cost little.
const (
	rateBurst = time.Second
	ratePause = 100 * time.Millisecond
)

// rateUnit is the size in bytes up to which a message counts as one. Reading a large one takes as long as reading many.
const rateUnit = 1 << 10

// pace is the back-pressure on a client that sends faster than Config.MessageRate. It is called after a message, or a
// piece, of size bytes. The caller holds turn.
func (c *Conn) pace(size int) {
	rate := c.server.cfg.MessageRate
	if rate < 0 {
		return
	}
	now := c.server.now()
	c.due = max(c.due, now-int64(rateBurst)) + int64(time.Second)/int64(rate)*int64(1+size/rateUnit)
	early := time.Duration(c.due - now)
	if early <= 0 {
		return
	}
	pause := time.NewTimer(max(early, ratePause))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-c.ctx.Done():
	}
}

// closedText is all that a client is told about a connection that ends with a fault.
const closedText = "Connection closed with an error."

// fail ends the connection because of what the client has sent.
func (c *Conn) fail(err error) {
	why := causeMalformed
	c.server.log.Debug("connection failed", "connection", c.id, "error", err)
	switch {
	case errors.Is(err, memory.ErrRefused):
		why = causeMemory
	case !c.handshakeDone.Load():
		why = causeHandshake
	case errors.Is(err, errTooLarge):
		why = causeTooLarge
	}
	c.closeWith(why, closedText, true)
}

// reply sends an answer even if many bytes are pending: the client's next message is not read before there is space.
func (c *Conn) reply(payload []byte) { c.out.write(payload, own, true) }

// awaitSpace is the back-pressure on a client that calls methods and does not read the answers.
func (c *Conn) awaitSpace() {
	for space := c.out.congested(); space != nil; space = c.out.congested() {
		<-space // closed when the connection ends, too
	}
}
