package signalr

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// maxFrame limits the length that a client's WebSocket frame may declare. Frames are handled as their bytes arrive, and a
// frame may hold many messages, so a declared length allocates nothing. The limit only ends frames that no stock client
// would send.
const maxFrame = 64 << 20

// The faults of frames that end a WebSocket, but for errTooLarge.
var (
	errFrame = errors.New("websocket protocol error")
	errText  = errors.New("websocket text that is not UTF-8")
)

// frameReader parses WebSocket frames as their bytes arrive. It keeps no payload except that of an incomplete control
// frame.
type frameReader struct {
	head       [ws.MaxHeaderSize]byte
	headed     int8 // bytes of the header so far
	inFrame    bool // the header is complete
	fragmented bool // a data message is open
	fin        bool
	text       bool // the data message that is open, or was the last, is text
	op         ws.OpCode
	mask       [4]byte
	read, size int64  // payload bytes so far, and in all
	control    []byte // payload of an incomplete control frame
}

// next returns the first piece of data: bytes of a data frame, unmasked in place, or a whole control frame; and the rest
// after it. whole is false when data ended before there was a piece. A piece of a data frame may be empty.
func (f *frameReader) next(data []byte) (op ws.OpCode, payload, rest []byte, whole bool, err error) {
	if !f.inFrame {
		if data, err = f.header(data); err != nil || !f.inFrame {
			return 0, nil, nil, false, err
		}
	}
	n := int(min(f.size-f.read, int64(len(data))))
	payload, rest = data[:n:n], data[n:]
	ws.Cipher(payload, f.mask, int(f.read&3))
	f.read += int64(n)
	f.inFrame = f.read < f.size
	if !f.op.IsControl() {
		return f.op, payload, rest, n > 0 || !f.inFrame, nil
	}
	if f.inFrame || len(f.control) > 0 {
		f.control = append(f.control, payload...)
		payload = f.control
	}
	if f.inFrame {
		return 0, nil, nil, false, nil
	}
	f.control = nil
	return f.op, payload, rest, true, nil
}

// checkClose checks the payload of a Close frame (RFC 6455, sections 5.5.1 and 7.4).
func checkClose(payload []byte) error {
	if len(payload) == 0 {
		return nil
	}
	if len(payload) == 1 || !utf8.Valid(payload[2:]) {
		return errFrame
	}
	switch code := binary.BigEndian.Uint16(payload); {
	case 1000 <= code && code <= 1003, 1007 <= code && code <= 1014, 3000 <= code && code <= 4999:
		return nil
	}
	return errFrame
}

// textCheck checks that the text of a message is UTF-8 as its pieces arrive. It keeps the beginning of a character that is cut
// between pieces.
type textCheck struct {
	cut [utf8.UTFMax - 1]byte
	n   uint8 // bytes in cut
}

// next checks the next piece; last says that the message ends with it.
func (t *textCheck) next(piece []byte, last bool) error {
	for t.n > 0 && len(piece) > 0 {
		begun := append(append(make([]byte, 0, utf8.UTFMax), t.cut[:t.n]...), piece[0])
		piece = piece[1:]
		switch {
		case !utf8.FullRune(begun):
			t.n = uint8(copy(t.cut[:], begun))
		case !utf8.Valid(begun):
			return errText
		default:
			t.n = 0
		}
	}
	if t.n == 0 {
		whole := wholeRunes(piece)
		if !utf8.Valid(piece[:whole]) {
			return errText
		}
		t.n = uint8(copy(t.cut[:], piece[whole:]))
	}
	if last && t.n > 0 {
		return errText
	}
	return nil
}

// wholeRunes returns the length of a piece of text without the character that is cut at its end, if there is one.
func wholeRunes(piece []byte) int {
	for i := len(piece) - 1; i >= max(0, len(piece)-utf8.UTFMax+1); i-- {
		if utf8.RuneStart(piece[i]) {
			if utf8.FullRune(piece[i:]) {
				return len(piece)
			}
			return i
		}
	}
	return len(piece)
}

// open reports whether a frame, or a message in several frames, has begun and not ended.
func (f *frameReader) open() bool { return f.inFrame || f.fragmented }

// header collects the header's bytes and checks it when it is complete.
func (f *frameReader) header(data []byte) ([]byte, error) {
	need := f.headerSize()
	for int(f.headed) < need {
		if len(data) == 0 {
			return nil, nil
		}
		n := copy(f.head[f.headed:need], data)
		f.headed += int8(n)
		data = data[n:]
		need = f.headerSize()
	}
	f.headed = 0
	f.inFrame = true
	return data, f.check()
}

// headerSize returns the size of the header as far as it is known: with its first two bytes it is known.
func (f *frameReader) headerSize() int {
	if f.headed < 2 {
		return 2
	}
	size := 2
	switch f.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.head[1]&0x80 != 0 {
		size += 4
	}
	return size
}

func (f *frameReader) check() error {
	f.fin, f.op = f.head[0]&0x80 != 0, ws.OpCode(f.head[0]&0x0f)
	at := 2
	switch n := f.head[1] & 0x7f; n {
	case 126:
		f.size, at = int64(binary.BigEndian.Uint16(f.head[2:])), 4
	case 127:
		f.size, at = int64(binary.BigEndian.Uint64(f.head[2:])), 10
	default:
		f.size = int64(n)
	}
	f.read = 0
	copy(f.mask[:], f.head[at:])
	switch {
	case f.head[0]&0x70 != 0, f.head[1]&0x80 == 0, f.op.IsReserved():
		return errFrame // a reserved bit, no mask, an unknown opcode
	case f.size < 0 || f.size > maxFrame:
		return errTooLarge
	case f.op.IsControl():
		if !f.fin || f.size > ws.MaxControlFramePayloadSize {
			return errFrame
		}
		return nil
	case (f.op == ws.OpContinuation) != f.fragmented:
		return errFrame // a continuation of nothing, or a new message inside another
	}
	f.fragmented = !f.fin
	if f.op != ws.OpContinuation {
		f.text = f.op == ws.OpText
	}
	return nil
}

// appendFrameHeader appends the header of a server's frame.
func appendFrameHeader(dst []byte, op ws.OpCode, size int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case size < 126:
		return append(dst, byte(size))
	case size <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(size))
	}
}
