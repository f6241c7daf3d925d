package link

import (
	"net"
	"sync"
	"time"
)

// socket is a connection whose Write never blocks: it keeps the bytes, and a goroutine sends them, several writes in one
// system call. The reason is that the client library writes while it holds its locks, and a broker that raises an alarm
// stops reading. With this socket only the caller that waits for an answer waits, and its context limits the wait.
// Memory is bounded by the window of each sender and by the prefetch of each consumer.
type socket struct {
	net.Conn
	wake    chan struct{} // buffered, one element: the goroutine has something to do
	drained chan struct{} // closed when it has ended
	closing sync.Once

	mu      sync.Mutex
	pending []byte
	err     error // why Write fails from now on
}

// flushWithin is how long a socket that is being closed may take to send its last bytes.
const flushWithin = 200 * time.Millisecond

// newSocket returns a socket over conn, which it owns.
func newSocket(conn net.Conn) *socket {
	s := &socket{Conn: conn, wake: make(chan struct{}, 1), drained: make(chan struct{})}
	go s.flush()
	return s
}

// Write implements net.Conn. It keeps nothing of b.
func (s *socket) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	s.pending = append(s.pending, b...)
	s.signal()
	return len(b), nil
}

func (s *socket) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *socket) flush() {
	defer close(s.drained)
	var batch []byte
	for range s.wake {
		s.mu.Lock()
		batch, s.pending = s.pending, batch[:0]
		last := s.err != nil
		s.mu.Unlock()
		if _, err := s.Conn.Write(batch); err != nil {
			s.fail(err)
			_ = s.Conn.Close() // so that the reader fails too
			return
		}
		if last {
			return
		}
		if cap(batch) > maxKept {
			batch = nil
		}
	}
}

// maxKept is the largest buffer that is reused, in bytes.
const maxKept = 1 << 20

func (s *socket) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.pending = nil
}

// Close implements net.Conn. It first sends what was written, within flushWithin.
func (s *socket) Close() error {
	s.closing.Do(func() {
		_ = s.SetWriteDeadline(time.Now().Add(flushWithin))
		s.mu.Lock()
		if s.err == nil {
			s.err = net.ErrClosed
		}
		s.mu.Unlock()
		s.signal()
		<-s.drained
	})
	return s.Conn.Close()
}

// kill ends the connection at once. The client library finds out when it reads.
func (s *socket) kill() {
	_ = s.SetWriteDeadline(time.Now())
	s.fail(net.ErrClosed)
	s.signal()
	_ = s.Conn.Close()
}
