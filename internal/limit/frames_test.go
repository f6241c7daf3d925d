package limit

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"restante/internal/memory"
)

// framer returns what writes and reads frames after the preface.
func framer(s *site, from string) (*http2.Framer, net.Conn) {
	s.t.Helper()
	c := s.tls(from, "h2")
	write(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	return f, c
}

// block returns the compressed head of a GET with one large header.
func block(n int) []byte {
	var b strings.Builder
	e := hpack.NewEncoder(&b)
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/"}, {"x-a", strings.Repeat("~", n)}} {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1], Sensitive: true})
	}
	return []byte(b.String())
}

// send writes a head in frames of 16 KiB. With end false its last frame says that more follows.
func send(f *http2.Framer, stream uint32, head []byte, end bool) error {
	first := head[:min(len(head), maxFrame)]
	head = head[len(first):]
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: first, EndStream: true, EndHeaders: end && len(head) == 0})
	for err == nil && len(head) > 0 {
		next := head[:min(len(head), maxFrame)]
		head = head[len(next):]
		err = f.WriteContinuation(stream, end && len(head) == 0, next)
	}
	return err
}

// answered waits for the head of an answer to a stream, and reports whether there is one.
func answeredOn(c net.Conn, f *http2.Framer, stream uint32) bool {
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return false
		}
		if h, is := frame.(*http2.HeadersFrame); is && h.StreamID == stream {
			return true
		}
	}
}

// Over HTTP/2 heads are counted in the same way, however they are cut into frames.
func TestHeads_OfHTTP2(t *testing.T) {
	s := newSite(t, Config{TLS: true}, ok)
	for i := range largePerAddress {
		f, _ := framer(s, "127.0.0.2")
		if err := send(f, 1, block(100_000), false); err != nil {
			t.Fatal(i, err)
		}
	}
	s.eventually("all are held", func() bool { return s.budget.Of(memory.Head) > largePerAddress*headCopies*90_000 })
	f, c := framer(s, "127.0.0.2")
	_ = send(f, 1, block(100_000), false)
	if answeredOn(c, f, 1) {
		t.Error("one more is answered")
	}
	f, c = framer(s, "127.0.0.3")
	for stream := uint32(1); stream < 9; stream += 2 {
		if err := send(f, stream, block(100_000), true); err != nil || !answeredOn(c, f, stream) {
			t.Errorf("an honest client is not answered: %v", err)
		}
	}
}

// The heads of requests that wait for their answers are held one by one: a connection may have many. It ends when there is no space
// for the next.
func TestHeads_OfManyStreams(t *testing.T) {
	begun, end := make(chan struct{}, streams), make(chan struct{})
	s := newSite(t, Config{TLS: true, Memory: memory.New(memory.Config{Limit: 8 << 20})}, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-end
	})
	defer close(end)
	f, c := framer(s, "127.0.0.2")
	for i := range uint32(40) {
		if send(f, 1+2*i, block(100_000), true) != nil {
			break
		}
	}
	for stream := uint32(1); answeredOn(c, f, stream); stream += 2 {
		t.Error("a request is answered before its handler has ended")
	}
	if n := len(begun); n > 8 || n == 0 || s.budget.Of(memory.Head) > 8*headCopies*110_000 {
		t.Errorf("%d requests are being answered, %d bytes are held", n, s.budget.Of(memory.Head))
	}
}

// Small heads take something, too, when there are many.
func TestHeads_OfManySmallStreams(t *testing.T) {
	begun, end := make(chan struct{}, streams), make(chan struct{})
	s := newSite(t, Config{TLS: true, Memory: memory.New(memory.Config{Limit: 1 << 20})}, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-end
	})
	defer close(end)
	f, c := framer(s, "127.0.0.2")
	for i := range uint32(40) {
		if err := send(f, 1+2*i, block(10), true); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	decoder := hpack.NewDecoder(4096, nil)
	for refused := 0; refused < 40-16; {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("%d are refused: %v", refused, err)
		}
		h, is := frame.(*http2.HeadersFrame)
		if !is {
			continue
		}
		if fields, err := decoder.DecodeFull(h.HeaderBlockFragment()); err != nil || fields[0].Value != "503" {
			t.Fatalf("answered %v, %v", fields, err)
		}
		refused++
	}
	if n := len(begun); n > 16 || n == 0 {
		t.Errorf("%d requests are being answered", n)
	}
}

// A connection that has agreed on HTTP/2 speaks nothing else, and one that has not does not speak it: its heads would not be counted.
func TestSecured_SpeaksWhatWasAgreed(t *testing.T) {
	s := newSite(t, Config{TLS: true}, ok)
	c := s.tls("127.0.0.2", "h2")
	write(c, headOf(10)+"\r\n\r\n")
	if got := status(t, c); got != 0 {
		t.Errorf("HTTP/1.1 over HTTP/2 is answered %d", got)
	}
	c = s.tls("127.0.0.2", "http/1.1")
	write(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	_ = send(f, 1, block(10), true)
	if answeredOn(c, f, 1) {
		t.Error("HTTP/2 that was not agreed on is answered")
	}
	plain := dial(t, "127.0.0.2", s.addr)
	write(plain, headOf(10)+"\r\n\r\n")
	if got := answer(t, plain); !strings.HasPrefix(got, "HTTP/1.0 400 ") || !strings.Contains(got, "HTTPS") {
		t.Errorf("HTTP without TLS is answered %q", got)
	}
	request(t, s.tls("127.0.0.2", "http/1.1"))
}
