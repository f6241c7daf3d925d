package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/gobwas/ws"
)

const (
	terminator   = 0x1e // ends every hub message of the JSON protocol
	firstBuffer  = 2 << 10
	usualBuffer  = 64 << 10
	biggestFrame = 1 << 30
)

var (
	errTorn       = errors.New("a frame ends in the middle of a hub message")
	errFragmented = errors.New("a frame is fragmented")
)

// stream extracts hub messages from the bytes of a server's WebSocket. It copies no complete message and only searches
// for terminators, so that a reader needs less CPU time than the server needs to write.
type stream struct {
	buf        []byte
	start, end int   // buf[start:end] is not consumed yet
	left       int64 // bytes of the current data frame that are not consumed yet
	control    func(op ws.OpCode, payload []byte) error
}

// fill makes one read. The buffer grows up to usualBuffer while reads fill it, and beyond that only for one larger
// message.
func (s *stream) fill(r io.Reader) error {
	switch {
	case s.buf == nil:
		s.buf = make([]byte, firstBuffer)
	case s.start == s.end:
		grow := s.end == len(s.buf) && len(s.buf) < usualBuffer
		s.start, s.end = 0, 0
		if grow {
			s.buf = make([]byte, 2*len(s.buf))
		}
	case s.end == len(s.buf):
		rest := s.buf[s.start:s.end]
		if len(rest) > len(s.buf)/2 || len(s.buf) < usualBuffer {
			s.buf = make([]byte, 2*len(s.buf))
		}
		s.start, s.end = 0, copy(s.buf, rest)
	}
	n, err := r.Read(s.buf[s.end:])
	s.end += n
	if n > 0 {
		return nil
	}
	return err
}

// each calls message with every complete hub message that has been read, without its terminator. The slice is valid
// only during the call.
func (s *stream) each(message func([]byte) error) error {
	for {
		if s.left == 0 {
			if more, err := s.header(); !more || err != nil {
				return err
			}
			continue
		}
		have := s.buf[s.start:min(int64(s.end), int64(s.start)+s.left)]
		at := bytes.IndexByte(have, terminator)
		if at < 0 {
			if int64(len(have)) == s.left {
				return errTorn
			}
			return nil
		}
		s.start += at + 1
		s.left -= int64(at) + 1
		if err := message(have[:at]); err != nil {
			return err
		}
	}
}

// header consumes a frame header, and the whole frame when it is a control frame. It reports whether it found one.
func (s *stream) header() (bool, error) {
	b := s.buf[s.start:s.end]
	if len(b) < 2 {
		return false, nil
	}
	size, length := 2, uint64(b[1]&0x7f)
	switch length {
	case 126:
		if size = 4; len(b) >= size {
			length = uint64(binary.BigEndian.Uint16(b[2:]))
		}
	case 127:
		if size = 10; len(b) >= size {
			length = binary.BigEndian.Uint64(b[2:])
		}
	}
	if len(b) < size {
		return false, nil
	}
	op := ws.OpCode(b[0] & 0x0f)
	switch {
	case b[0]&0x80 == 0 || op == ws.OpContinuation:
		return false, errFragmented
	case b[1]&0x80 != 0 || length > biggestFrame:
		return false, fmt.Errorf("frame header % x is not one of a server", b[:size])
	case !op.IsControl():
		s.start += size
		s.left = int64(length)
		return true, nil
	case uint64(len(b)) < uint64(size)+length:
		return false, nil
	}
	s.start += size + int(length)
	return true, s.control(op, b[size:size+int(length)])
}
