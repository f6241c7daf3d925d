package signalr

import "fmt"

// ackBytes is how much a client may have sent since its last acknowledgement before the next one is sent at once. Clients
// stop sending when 100,000 bytes, by default, are not acknowledged.
const ackBytes = 16 << 10

// received numbers the messages of a client that may send them again (stateful reconnect). It is guarded by Conn.turn.
type received struct {
	next   int64 // number of the next message
	latest int64 // number of the last one that was handled
	bytes  int   // of messages since the last acknowledgement that was sent at once
}

// admit numbers a message, and reports whether it is to be handled: it is not if it has been handled already.
func (r *received) admit(size int) bool {
	number := r.next
	r.next++
	r.bytes += size
	if number <= r.latest {
		return false
	}
	r.latest = number
	return true
}

// admit acts on what a message means for the numbers of a connection that may outlive its socket, and reports whether the
// message is to be handled. The caller holds turn.
func (r *resumable) admit(m *message, size int) bool {
	switch {
	case m.kind == kindAck:
		r.ack(m.number)
	case m.kind == kindSequence:
		if err := r.received.restart(m.number); err != nil {
			r.c.fail(err)
		}
	case m.kind.numbered():
		handle := r.received.admit(size)
		r.handled.Store(r.received.latest)
		if r.received.bytes >= ackBytes {
			r.received.bytes = 0
			r.acknowledge()
		}
		return handle
	}
	return true
}

// restart sets the number of the next message, as the client's Sequence says. A client that is cut while it sends again goes on
// after what was acknowledged, although that did not come again.
func (r *received) restart(number int64) error {
	if next := max(r.next, r.latest+1); number < 0 || number > next {
		return fmt.Errorf("%w: sequence %d, but message %d is the next", errMalformed, number, next)
	}
	r.next = number
	return nil
}
