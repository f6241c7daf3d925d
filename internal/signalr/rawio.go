package signalr

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// rawIO reads and writes a connection without a buffer of its own. It waits in the runtime's poller until there are bytes,
// and takes a buffer only then; and it can write as much as the kernel accepts at once. If the connection has no
// descriptor (TLS, an in-memory pipe), or the system lacks these calls, reads have a small buffer and nothing can be
// written without waiting. One goroutine reads; the caller serialises writes.
type rawIO struct {
	conn    net.Conn
	raw     syscall.RawConn // nil when the connection offers no descriptor
	buffers *sync.Pool      // of *[]byte
	own     []byte          // read buffer where raw is nil

	// The callbacks are bound once, and pass arguments and results in these fields: a closure would allocate in every call.
	onReadable, onWritable func(fd uintptr) bool
	buffer                 *[]byte
	n                      int
	readErr                error
	pieces                 [2][]byte
	wait                   bool
	written                int
	writeErr               error
}

func (r *rawIO) init(conn net.Conn, buffers *sync.Pool) {
	r.conn, r.buffers = conn, buffers
	if sc, ok := conn.(syscall.Conn); ok && haveRawCalls {
		if raw, err := sc.SyscallConn(); err == nil {
			r.raw = raw
			r.onReadable, r.onWritable = r.tryRead, r.tryWrite
			return
		}
	}
	r.own = make([]byte, writeChunk)
}

// read waits for bytes. They are valid until done, which must be called before the next read.
func (r *rawIO) read() ([]byte, error) {
	if r.raw == nil {
		n, err := r.conn.Read(r.own)
		if n > 0 {
			err = nil // an error comes again with the next read
		}
		return r.own[:n], err
	}
	if err := r.raw.Read(r.onReadable); err != nil {
		return nil, err
	}
	if r.readErr != nil {
		return nil, r.readErr
	}
	return (*r.buffer)[:r.n], nil
}

// done returns the buffer of the last read to the pool.
func (r *rawIO) done() {
	if r.buffer != nil {
		r.buffers.Put(r.buffer)
		r.buffer = nil
	}
}

// tryRead reports false when there is nothing to read: then the poller waits, without a buffer.
func (r *rawIO) tryRead(fd uintptr) bool {
	buffer := r.buffers.Get().(*[]byte)
	n, again, err := rawRead(fd, *buffer)
	if again || err != nil || n == 0 {
		r.buffers.Put(buffer)
		if !again && err == nil {
			err = io.EOF
		}
		r.readErr = err
		return !again
	}
	r.buffer, r.n, r.readErr = buffer, n, nil
	return true
}

// writeNow writes as much of the two pieces as the kernel accepts without waiting.
func (r *rawIO) writeNow(a, b []byte) (int, error) {
	if r.raw == nil {
		return 0, nil
	}
	return r.writeRaw(a, b, false)
}

// writeSome waits until at least one byte of b is written.
func (r *rawIO) writeSome(b []byte) (int, error) {
	if r.raw == nil {
		return r.conn.Write(b[:min(len(b), writeChunk)])
	}
	return r.writeRaw(b, nil, true)
}

func (r *rawIO) writeRaw(a, b []byte, wait bool) (int, error) {
	r.pieces, r.wait, r.written, r.writeErr = [2][]byte{a, b}, wait, 0, nil
	err := r.raw.Write(r.onWritable)
	r.pieces = [2][]byte{}
	if err == nil {
		err = r.writeErr
	}
	return r.written, err
}

func (r *rawIO) tryWrite(fd uintptr) bool {
	n, again, err := rawWrite(fd, r.pieces[:])
	if again {
		return !r.wait
	}
	r.written, r.writeErr = n, err
	return true
}
