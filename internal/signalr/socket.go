package signalr

import (
	"errors"
	"net"
	"time"

	"github.com/gobwas/ws"
)

// socket is the WebSockets transport of one connection: an outlet that writes directly from the caller's bytes, and one
// goroutine at a time that reads. An idle socket costs only that goroutine's small stack: no buffer, no timer.
type socket struct {
	backlog
	c          *Conn
	conn       net.Conn
	io         rawIO
	frames     frameReader
	header     [10]byte      // of the frame being written, where it needs no allocation
	text       textCheck     // of the message being received; used by the reader only
	unreadable bool          // the peer's frames are not valid any more; used by the reader only
	left       bool          // the peer has sent a Close frame, and its client may come back; used by the reader only
	surplus    int           // bytes read since the end has begun; used by the reader only
	flushing   chan struct{} // closed when the flusher has ended; nil while none runs
}

func newSocket(c *Conn, conn net.Conn) *socket {
	s := &socket{c: c, conn: conn}
	s.io.init(conn, &c.server.buffers)
	return s
}

// run begins to read. early are bytes that were read with the upgrade request.
func (s *socket) run(early []byte) {
	if len(early) > 0 && !s.consume(early) {
		s.leave()
		return
	}
	s.c.server.running.Go(s.read)
}

// read waits for bytes, handles them, and starts a new goroutine for the next wait. Handling grows the stack to two or four
// times what waiting needs, and the runtime does not shrink a stack that is only a little too large. A new goroutine costs
// a fraction of the system call that read the bytes.
func (s *socket) read() {
	data, err := s.io.read()
	open := err == nil && s.consume(data)
	s.io.done()
	if open {
		s.c.server.running.Go(s.read)
	} else {
		s.leave()
	}
}

// leave ends the socket when nothing more is read from the peer, and the connection unless that may go on without it.
func (s *socket) leave() {
	r, ok := s.c.out.(*resumable)
	if ok && r.suspend(s) {
		s.shut()
		return
	}
	s.c.stop(causeGone, nil)
	s.mu.Lock()
	flushing := s.flushing
	s.mu.Unlock()
	if flushing != nil {
		<-flushing // the deadline set by finish bounds it
	}
	_ = s.conn.Close()
	s.c.finished()
}

// consume handles received bytes, and reports whether more should be read. After the end has begun it waits only for the
// peer's Close frame. If the socket was closed while the peer still sends, the kernel would reset it, and the last bytes
// to the peer could be lost.
func (s *socket) consume(data []byte) bool {
	s.throttle(len(data))
	for len(data) > 0 && !s.unreadable {
		op, payload, rest, whole, err := s.frames.next(data)
		if err != nil {
			s.protocolError(err)
			return true
		}
		data = rest
		if whole {
			err = s.checkPayload(op, payload)
		}
		if err != nil {
			s.protocolError(err)
			return true
		}
		switch {
		case !whole:
			s.c.receive(nil, true, s)
		case op == ws.OpClose:
			if !s.closesOnly(payload) {
				s.c.stop(causeClient, nil)
			}
			return false
		case op == ws.OpPing:
			s.pong(payload)
			s.c.receive(nil, s.frames.open(), s)
		case op == ws.OpPong:
			if r := s.c.resumable(); r != nil {
				r.answered(s, payload)
			}
			s.c.receive(nil, s.frames.open(), s)
		default:
			s.c.receive(payload, s.frames.open(), s)
		}
	}
	return true
}

// checkPayload checks a piece of data, or a control frame.
func (s *socket) checkPayload(op ws.OpCode, payload []byte) error {
	switch {
	case op == ws.OpClose:
		return checkClose(payload)
	case op.IsData() && s.frames.text:
		return s.text.next(payload, !s.frames.open())
	}
	return nil
}

// throttle slows down a peer that goes on sending after the end has begun. Bytes up to the size of one message may have
// been on their way. Reading and dropping more at full speed until closeWait would take time from other connections.
func (s *socket) throttle(size int) {
	if !s.c.stopped.Load() {
		return
	}
	if s.surplus += size; s.surplus > s.c.server.cfg.MaxMessage {
		<-time.After(ratePause)
	}
}

// protocolError ends the connection of a peer whose frames are not valid any more.
func (s *socket) protocolError(err error) {
	s.c.server.log.Debug("connection failed", "connection", s.c.id, "error", err)
	s.unreadable = true
	why, code := causeMalformed, ws.StatusProtocolError
	switch {
	case errors.Is(err, errTooLarge):
		why, code = causeTooLarge, ws.StatusMessageTooBig
	case errors.Is(err, errText):
		code = ws.StatusInvalidFramePayloadData
	}
	if s.c.begin(why) {
		if told := s.closing(); told != nil {
			told.end(nil, code)
		}
		s.c.server.running.Go(s.c.release)
	}
	_, moving := s.stuckSince()
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok && !moving {
		_ = half.CloseWrite() // do not wait for an answer to the Close frame: it could not be parsed
	}
}

// op is the opcode of data frames.
func (s *socket) op() ws.OpCode {
	if s.c.protocol == MessagePack {
		return ws.OpBinary
	}
	return ws.OpText
}

func (s *socket) pong(payload []byte) {
	s.mu.Lock()
	if !s.ended {
		s.put(ws.OpPong, payload)
	}
	s.mu.Unlock()
	s.c.awaitSpace()
}

// ping asks the peer for an answer with the same payload, which says that it has got all before it.
func (s *socket) ping(payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.put(ws.OpPing, payload)
	}
}

// write implements outlet. The fast path is one system call from the caller's bytes.
func (s *socket) write(payload []byte, _ Run, force bool) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return ended
	case len(payload) == 0:
		return taken
	case len(s.pending) > 0 && !force:
		return full
	}
	s.put(s.op(), payload)
	s.c.sent.Store(s.c.server.now())
	return taken
}

// put writes as much of a frame as the kernel accepts, and leaves the rest to the flusher. The caller holds mu.
func (s *socket) put(op ws.OpCode, payload []byte) {
	header := appendFrameHeader(s.header[:0], op, len(payload))
	s.c.server.metrics.written(len(header) + len(payload))
	if len(s.pending) > 0 {
		s.pending = append(append(s.pending, header...), payload...)
		if s.follow(s.c, cap(s.pending)) != nil {
			s.broken(causeMemory)
		}
		return
	}
	n, err := s.io.writeNow(header, payload)
	if err != nil {
		s.broken(causeGone)
		return
	}
	if n == len(header)+len(payload) {
		return
	}
	if s.follow(s.c, len(header)+len(payload)-n) != nil {
		s.broken(causeMemory)
		return
	}
	s.pending = make([]byte, 0, len(header)+len(payload)-n)
	s.pending = append(s.pending, header[min(n, len(header)):]...)
	s.pending = append(s.pending, payload[max(n-len(header), 0):]...)
	s.since = s.c.server.now()
	if s.flushing == nil {
		s.moving = true
		s.flushing = make(chan struct{})
		s.c.server.running.Go(s.flush)
	}
}

// flush writes pending bytes until none are left.
func (s *socket) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) > 0 {
		waiting := s.pending
		s.mu.Unlock()
		n, err := s.io.writeSome(waiting) // other goroutines only append after waiting
		s.mu.Lock()
		if err != nil {
			s.broken(causeGone)
			break
		}
		if len(s.pending) > 0 { // abort may have dropped it
			s.pending = s.pending[n:]
		}
		s.since = s.c.server.now()
	}
	s.pending, s.moving = nil, false
	s.level.End()
	close(s.flushing)
	s.flushing = nil
	s.spaceFreed()
}

// broken ends a socket that cannot be written to any more, or whose bytes have no space. The reader notices that the socket is closed, and does the rest.
// The connection is stopped here nevertheless, because the reader may still run calls whose answers cannot be written. The
// caller holds mu.
func (s *socket) broken(why cause) {
	s.ended, s.pending = true, nil
	s.spaceFreed()
	if !s.c.survives() && s.c.begin(why) { // before the reader notices, which would find another cause
		s.c.server.running.Go(s.c.release)
	}
	_ = s.conn.Close()
}

// shut ends the socket, and not the connection, at once. It may have to wait for the peer, over TLS.
func (s *socket) shut() {
	s.mu.Lock()
	s.ended, s.pending = true, nil
	s.spaceFreed()
	s.mu.Unlock()
	_ = s.conn.Close()
}

// finish implements outlet. It sends the last bytes and a Close frame, and gives the peer some time to accept them and to
// answer.
func (s *socket) finish(lastBytes []byte) { s.end(lastBytes, ws.StatusNormalClosure) }

func (s *socket) end(lastBytes []byte, code ws.StatusCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if len(lastBytes) > 0 {
		s.put(s.op(), lastBytes)
	}
	if !s.ended { // the first put may have found it broken
		s.put(ws.OpClose, []byte{byte(code >> 8), byte(code)})
	}
	s.ended = true
	s.spaceFreed()
	_ = s.conn.SetDeadline(time.Now().Add(closeWait))
}

// abort implements outlet.
func (s *socket) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken(causeGone)
}
