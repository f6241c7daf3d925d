package memory

import (
	"errors"
	"io"
	"time"
)

// RestTime is how long a client may go on with a body that was refused, before its connection ends.
const RestTime = 250 * time.Millisecond

const (
	firstRead = 512     // bytes of the first buffer
	freeRead  = 8 << 10 // bytes that cost nothing
	copies    = 3       // of a body at a time: while its buffer grows, and while it is read
)

// ReadAll reads r to its end into a buffer that grows with what arrives, whatever the sender has promised. What the buffer has beyond
// 8 KiB is held. It returns ErrRefused when that is refused, and the errors of r but for io.EOF. It blocks as long as r does.
func ReadAll(r io.Reader, held *Holding) ([]byte, error) {
	b := make([]byte, 0, firstRead)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) < cap(b) {
			continue
		}
		size := 2 * cap(b)
		if size > freeRead {
			if err := held.Grow(copies * (size - max(cap(b), freeRead))); err != nil {
				return nil, err
			}
		}
		b = append(make([]byte, 0, size), b...)
	}
}
