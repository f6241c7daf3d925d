package limit

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"
)

// HeaderTimeout is how long a handshake, and the head of a request, may take.
const HeaderTimeout = 10 * time.Second

// secured is a counted connection with TLS. It makes its handshake when it is read first, within the time that http.Server gives a
// head. http.Server takes it for a connection without TLS, so that it reads HTTP/2 as well as HTTP/1.1 from it, and heads are counted
// as they are.
type secured struct {
	net.Conn // tls, without the methods by which http.Server would know it
	tls      *tls.Conn
	counted  *conn
	agreed   bool    // the handshake was made, or has failed
	frames   *frames // nil: HTTP/1.1
}

// secure returns a connection that uses TLS over c. The handshake is counted in c.
func secure(c *conn, certificates *tls.Config) *secured {
	over := tls.Server(c, certificates)
	return &secured{Conn: over, tls: over, counted: c}
}

// alpnChallenge is the protocol by which an authority checks a name (RFC 8737). Nothing follows its handshake.
const alpnChallenge = "acme-tls/1"

// handshake makes the handshake. It is called by the first Read.
func (s *secured) handshake() error {
	ctx, cancel := context.WithTimeout(context.Background(), HeaderTimeout) // whatever the client reads and writes meanwhile
	defer cancel()
	if err := s.tls.HandshakeContext(ctx); err != nil {
		s.failed(err)
		return errRefused
	}
	state := s.tls.ConnectionState()
	s.counted.state = &state
	s.counted.decrypted.Store(true)
	switch state.NegotiatedProtocol {
	case "h2":
		return s.frame()
	case alpnChallenge:
		return errRefused
	}
	s.counted.agreed() // it stays an unfinished connection until its first head is complete
	return nil
}

// agreed notes that a handshake is complete and a head follows.
func (c *conn) agreed() {
	c.head.mu.Lock()
	defer c.head.mu.Unlock()
	c.head.held.Release()
	c.head.held, c.head.read = nil, 0
}

// frame counts the connection as one with HTTP/2.
func (s *secured) frame() error {
	c := s.counted
	c.rest(framed).Release()
	if c.held.Grow(framedPrice) != nil {
		c.limits.note(c.from, limitMemory)
		return errRefused
	}
	s.frames = &frames{c: c, close: s.Close}
	return nil
}

// failed tells a client that has spoken HTTP without TLS what is wrong. Failed handshakes are logged at debug: every open port gets
// them from scanners.
func (s *secured) failed(err error) {
	reason := err.Error()
	if re, ok := errors.AsType[tls.RecordHeaderError](err); ok && re.Conn != nil && looksLikeHTTP(re.RecordHeader) {
		reason = "client sent an HTTP request to an HTTPS server"
		_, _ = io.WriteString(re.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	}
	s.counted.limits.cfg.Log.Debug("TLS handshake failed", slog.String("from", s.counted.from.String()), slog.String("error", reason))
}

// looksLikeHTTP reports whether the first bytes of a connection begin with a method.
func looksLikeHTTP(first [5]byte) bool {
	switch string(first[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	}
	return false
}

// Close implements net.Conn.
func (s *secured) Close() error {
	if s.frames != nil {
		s.frames.stop()
	}
	return s.tls.Close() // and counted
}

// CloseWrite ends the server's side, as net/http does before it closes a connection.
func (s *secured) CloseWrite() error { return s.tls.CloseWrite() }

// Read implements net.Conn. It ends with an error when a head takes more than there is memory for.
func (s *secured) Read(p []byte) (int, error) {
	if !s.agreed {
		s.agreed = true
		if err := s.handshake(); err != nil {
			return 0, err
		}
	}
	s.counted.wait(p)
	n, err := s.tls.Read(p)
	if n <= 0 {
		return n, err
	}
	if s.frames == nil {
		if beyond := s.counted.counted(n); beyond != "" {
			return 0, s.counted.refuse(s.tls, p, beyond)
		}
		return n, err
	}
	rest, ok := s.frames.greet(p[:n])
	if !ok {
		return 0, errRefused
	}
	if beyond := s.frames.scan(rest); beyond != "" {
		s.counted.limits.note(s.counted.from, beyond)
		return 0, errRefused
	}
	return n, err
}
