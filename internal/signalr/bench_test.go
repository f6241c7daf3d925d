package signalr

import (
	"io"
	"runtime"
	"strings"
	"testing"
)

// benchConn is a connection and its client.
func benchConn(b *testing.B) (*wsClient, *Conn) {
	b.Helper()
	r := newRigWith(b, newEchoHub(), Config{MessageRate: -1})
	c := r.connect("json")
	return c, r.nextConn()
}

// BenchmarkConn_TryWrite is the cost of one small message to a client that reads; it must not allocate.
func BenchmarkConn_TryWrite(b *testing.B) {
	c, conn := benchConn(b)
	go func() { _, _ = io.Copy(io.Discard, c.in) }()
	payload := []byte(strings.Repeat("x", 200))
	b.ReportAllocs()
	for b.Loop() {
		if !conn.TryWrite(payload) {
			if err := write(b.Context(), conn, payload); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkConn_Echo is the cost of a call and its answer, client included.
func BenchmarkConn_Echo(b *testing.B) {
	c, _ := benchConn(b)
	call := `{"type":1,"invocationId":"1","target":"Echo","arguments":["hello"]}` + "\x1e"
	b.ReportAllocs()
	for b.Loop() {
		c.send(call)
		c.read()
	}
}

// BenchmarkConn_Idle is the memory of an idle connection, the client's end in the same process included. A stateful one may
// outlive its WebSocket.
func BenchmarkConn_Idle(b *testing.B) {
	b.Run("ordinary", func(b *testing.B) { benchIdle(b, func(r *rig) { r.connect("json").in = nil }) })
	b.Run("stateful", func(b *testing.B) {
		benchIdle(b, func(r *rig) {
			c := r.dial("?id=" + r.negotiateStateful())
			c.send(statefulHandshake)
			c.expectText("{}")
			c.in = nil
		})
	})
}

func benchIdle(b *testing.B, connect func(r *rig)) {
	r := newRigWith(b, newEchoHub(), statefulConfig)
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := memory()
	const n = 500
	for range n {
		connect(r)
		<-r.hub.conns
		<-r.hub.queries
	}
	each := float64(memory()-before) / n
	for b.Loop() { // there is nothing to repeat
	}
	b.ReportMetric(each, "B/conn")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkServer_UnusedToken is the memory of a token that is not used.
func BenchmarkServer_UnusedToken(b *testing.B) {
	s := New(newEchoHub(), Config{Node: "0123456789abcdef"})
	defer s.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const n = 50_000
	for range n {
		if refused := s.registry.reserve(s, s.newToken(false), Identity{Name: "ann@example.org"}); refused != nil {
			b.Fatal(refused.Text)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() { // there is nothing to repeat
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/token")
	b.ReportMetric(0, "ns/op")
}
