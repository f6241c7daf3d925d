package limit

import (
	"encoding/binary"
	"sync"
	"time"
)

// framedPrice is what a connection with HTTP/2 takes besides what others take: buffers for frames, tables of headers, three goroutines.
const framedPrice = 40 << 10

// What is read of HTTP/2 (RFC 9113).
const (
	preface     = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameHeader = 9 // bytes

	frameHeaders      = 0x1
	frameContinuation = 0x9
	flagEndHeaders    = 0x4
)

// frames finds the heads in what a client sends over HTTP/2, and counts them as conn does for HTTP/1.1. On each connection one head at
// a time is incomplete: the frames of a head follow each other.
type frames struct {
	c     *conn
	close func() error

	begun  int               // bytes of the preface that have come
	header [frameHeader]byte // of the present frame
	got    int               // bytes of it
	left   int               // bytes of the frame that have not come yet
	head   bool              // the frame is of a head
	last   bool              // the frame ends the head

	mu    sync.Mutex
	timer *time.Timer // ends the connection when a head takes too long; nil: no head is incomplete
}

// greet takes the preface from what a client has sent, and returns the rest. It reports whether it is the preface: net/http would read
// anything else as HTTP/1.1.
func (f *frames) greet(p []byte) (rest []byte, ok bool) {
	n := min(len(p), len(preface)-f.begun)
	ok = string(p[:n]) == preface[f.begun:f.begun+n]
	f.begun += n
	return p[n:], ok
}

// scan reads what a client has sent. It returns the limit that a head exceeds.
func (f *frames) scan(p []byte) (beyond limit) {
	f.c.head.mu.Lock()
	defer f.c.head.mu.Unlock()
	for len(p) > 0 {
		if f.got < frameHeader {
			n := copy(f.header[f.got:], p)
			f.got += n
			p = p[n:]
			if f.got == frameHeader {
				f.begin()
			}
		}
		n := min(len(p), f.left)
		f.left -= n
		p = p[n:]
		if f.head && n > 0 {
			if beyond = f.c.grown(n); beyond != "" {
				return beyond
			}
		}
		if f.got == frameHeader && f.left == 0 {
			f.end()
		}
	}
	if f.head {
		f.start()
	}
	return ""
}

// begin reads the header of a frame.
func (f *frames) begin() {
	f.left = int(binary.BigEndian.Uint32(f.header[:4]) >> 8)
	kind, flags := f.header[3], f.header[4]
	f.head = kind == frameHeaders || kind == frameContinuation
	f.last = flags&flagEndHeaders != 0
}

// end notes that a frame has come completely.
func (f *frames) end() {
	f.got = 0
	if f.head && f.last {
		f.head = false
		f.c.finish().Release()
		f.stop()
	}
}

// start limits the time of a head, unless that is limited already.
func (f *frames) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer == nil {
		f.timer = time.AfterFunc(HeaderTimeout, func() { _ = f.close() })
	}
}

// stop ends the limit of time.
func (f *frames) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
}
