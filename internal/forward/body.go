package forward

import "io"

// body is the body of a request that is passed on. It can be handed to another node when the first was never reached,
// because only its owner closes it. And it does not look for the end where it must be: as soon as the other node has
// answered, the server closes the body, and the transport, when it reads once more to see that nothing follows, would
// take that for a failure and cut the answer.
type body struct {
	from   io.Reader
	left   int64           // bytes; negative when that is not known
	extend func(more bool) // is called before each read, and with false after the last
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	b.extend(true)
	n, err := b.from.Read(p)
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
