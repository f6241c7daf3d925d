package signalr

import (
	"errors"
	"time"
)

// inbox turns the bytes of a connection into hub messages. Transports hand over whatever they have received: many
// messages, one, or a piece. Only an incomplete message is kept, in a buffer that grows with what has really come.
type inbox struct {
	partial []byte
}

// next returns the first message in data or, with what was kept of earlier calls, completed by data, and what follows
// it. found is false when there is none, in which case all of data has been kept. The message is valid until the next
// call.
func (in *inbox) next(p Protocol, limit int, data []byte) (content, rest []byte, found bool, err error) {
	if len(in.partial) == 0 {
		content, size, err := p.next(data, limit)
		if err != nil {
			return nil, nil, false, err
		}
		if size > 0 {
			return content, data[size:], true, nil
		}
		in.partial = append([]byte(nil), data...)
		return nil, nil, false, nil
	}
	return in.complete(p, limit, data)
}

// complete adds just as much of data as the kept message needs.
func (in *inbox) complete(p Protocol, limit int, data []byte) (content, rest []byte, found bool, err error) {
	for len(data) > 0 {
		n, completes := p.missing(in.partial, data)
		in.partial = append(in.partial, data[:n]...)
		data = data[n:]
		if !completes && len(in.partial) <= limit {
			continue // looking for the end again would make many small pieces cost the square of their number
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

// receive handles bytes from the client: it runs every message they complete, in order, and returns when the answers
// are on their way, there is room for more, and the client has not sent too much too fast. The caller may then reuse
// data. open says that the frame which data is of, be it empty, goes on. Calls wait for each other.
func (c *Conn) receive(data []byte, open bool) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.received.Store(c.server.now())
	c.busy.Store(true)
	defer func() {
		c.received.Store(c.server.now()) // what the client has sent meanwhile could not be seen
		c.busy.Store(false)
		c.expire() // the sweeper, which left it alone meanwhile, may look again too late
	}()
	if !c.handleAll(data) {
		c.pace(len(data)) // pieces cost as much as messages
	}
	switch {
	case !open && len(c.inbox.partial) == 0:
		c.begun.Store(0)
	case c.begun.Load() == 0:
		c.begun.Store(max(1, c.server.now()))
	}
}

// handleAll handles the messages that data completes, and reports whether there was any. turn is held.
func (c *Conn) handleAll(data []byte) (some bool) {
	for len(data) > 0 && !c.stopped.Load() {
		protocol, limit := c.protocol, c.server.cfg.MaxMessage
		if !c.shaken.Load() {
			protocol, limit = JSON, min(limit, handshakeLimit)
		}
		content, rest, found, err := c.inbox.next(protocol, limit, data)
		if err != nil {
			c.fail(err)
			return some
		}
		if !found {
			return some
		}
		some = true
		c.begun.Store(0) // what follows it begins when it has been handled
		if c.shaken.Load() {
			c.handle(content)
		} else {
			c.shake(content)
		}
		c.awaitRoom()
		c.pace(len(data) - len(rest))
		data = rest
	}
	return some
}

// A client that sends too fast is not read from for ratePause at least, so that waking up costs little; before that it
// may have sent as much as is due in rateBurst.
const (
	rateBurst = time.Second
	ratePause = 100 * time.Millisecond
)

// rateUnit is the size in bytes up to which a message counts as one. Reading a large one takes as long as reading many.
const rateUnit = 1 << 10

// pace is the back-pressure on a client that sends faster than Config.MessageRate: it has sent a message, or a piece, of
// so many bytes. turn is held.
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

// closedText is all that a client learns about a connection that ends with a fault.
const closedText = "Connection closed with an error."

// fail ends the connection because of what the client has sent.
func (c *Conn) fail(err error) {
	why := causeMalformed
	if errors.Is(err, errTooLarge) {
		why = causeTooLarge
	}
	c.server.log.Debug("connection failed", "connection", c.id, "error", err)
	if !c.shaken.Load() {
		why = causeHandshake
	}
	c.stopSaying(why, closedText, true)
}

// reply sends an answer, whatever waits already: the client's next message is not read before there is room again.
func (c *Conn) reply(payload []byte) { c.out.write(payload, true) }

// awaitRoom is the back-pressure on a client that asks and does not read the answers.
func (c *Conn) awaitRoom() {
	for room := c.lag.congested(); room != nil; room = c.lag.congested() {
		<-room // closed when the connection ends, too
	}
}
