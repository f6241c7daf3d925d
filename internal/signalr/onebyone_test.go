package signalr

import "testing"

// signalrcore for Python takes one message of an answer, so each message needs an answer. Nothing is lost when such a client
// and others poll in turn, nor when the connection ends.
func TestLongPolling_OneMessageForClientsThatTakeOne(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	one := func() answer { return p.do("GET", p.suffix, "", "Accept", "Text") }
	for _, m := range []string{"a\x1e", "b\x1ec\x1e", "d\x1e", "e\x1ef"} {
		p.conn.TryWrite([]byte(m))
	}
	r.want(one(), 200, "a\x1e")
	r.want(one(), 200, "b\x1e")
	p.conn.TryWrite([]byte("g\x1e"))
	r.want(one(), 200, "c\x1e")
	r.want(p.get(), 200, "d\x1ee\x1efg\x1e")
	p.conn.TryWrite([]byte("h\x1ei\x1e"))
	p.conn.Close("bye", false)
	r.want(one(), 200, "h\x1e")
	r.want(one(), 200, "i\x1e")
	r.want(one(), 200, `{"type":7,"error":"bye"}`+"\x1e")
	r.want(one(), 204, "")
}
