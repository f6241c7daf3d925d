package forward

import "io"

// body is the body of a forwarded request. It differs from the server's body in two ways. Close does nothing, so that the
// body can be sent to another node when the first was not reached. And Read reports the end without reading past it: once
// the other node has answered, the server closes its body, and a further read by the transport would fail and cut the
// answer.
type body struct {
	from   io.Reader
	left   int64                // bytes; negative when their number is unknown
	extend func(more bool)      // called with true before each read, and with false after the last
	keep   func(p []byte) error // called with each piece; an error ends the request
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	b.extend(true)
	n, err := b.from.Read(p)
	if refused := b.keep(p[:n]); refused != nil {
		return 0, refused
	}
	if b.left > 0 {
		b.left = max(0, b.left-int64(n))
	}
	if err == io.EOF {
		b.left = 0
	}
	if b.left == 0 {
		b.extend(false)
	}
	return n, err
}

// Close does nothing.
func (*body) Close() error { return nil }
