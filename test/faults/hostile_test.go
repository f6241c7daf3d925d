package faults

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

const upgrade = "GET /messageHub?room= HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"

// frame is a WebSocket frame of a client, masked with zeros.
func frame(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return string(append(b, 0, 0, 0, 0)) + payload
}

func text(payload string) string { return frame(0x81, payload) }

const (
	jsonHello = "{\"protocol\":\"json\",\"version\":1}\x1e"
	packHello = "{\"protocol\":\"messagepack\",\"version\":1}\x1e"
)

// attack is bytes for a raw connection. ends: the server must end the connection; want: what its answer must contain,
// "" for any answer.
type attack struct {
	name, bytes string
	ends        bool
	want        string
}

func attacks() []attack {
	post := "POST /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	big := strings.Repeat("a", 4<<20)
	return []attack{
		{"garbage instead of HTTP", "\x00\xff\x16\x03\x01garbage\r\n\r\n", true, "400"},
		{"endless header", "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + big + "\r\n\r\n", true, "431"},
		{"no host", "GET /version HTTP/1.1\r\n\r\n", true, "400"},
		{"body of an exabyte declared", post + "Content-Length: 1152921504606846976\r\n\r\n{", true, "413"},
		{"negative length", post + "Content-Length: -1\r\n\r\n", true, "400"},
		{"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}", true, "400"},
		{"body too large, sent", post + "Content-Length: 4194304\r\n\r\n" + big, true, "413"},
		{"endless chunks", post + "Transfer-Encoding: chunked\r\n\r\n400000\r\n" + big + "\r\n", true, "413"},
		{"bad chunk", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", true, "400"},
		{"deep JSON", post + "Connection: close\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("[", 60000), true, "4"},
		{"broken UTF-8 in JSON", post + "Connection: close\r\nContent-Length: 34\r\n\r\n{\"client_id\":\"a\",\"msg\":\"\xff\xfe\x80xxxxx\"}", true, "4"},
		{"broken escapes in the query", "POST /message?msg=%ff%zz&client_id=a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", true, "4"},
		{"absurd numbers", "GET /rooms/lobby/messages?after=99999999999999999999&limit=-1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", true, "422"},
		{"unknown transport id", "POST /messageHub?id=" + strings.Repeat("x", 5000) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\n{}\x1e", true, "404"},
		{"upgrade without key", "GET /messageHub HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n", true, "4"},
		{"frame of 2^62 bytes declared", upgrade + "\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", true, "101"},
		{"frame length with the sign bit", upgrade + "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", true, "101"},
		{"unmasked frame", upgrade + "\x81\x05hello", true, "101"},
		{"reserved bits", upgrade + frame(0xf1, jsonHello), true, "101"},
		{"reserved opcode", upgrade + frame(0x83, "x"), true, "101"},
		{"long ping", upgrade + text(jsonHello) + frame(0x89, strings.Repeat("p", 200)), true, "101"},
		{"continuation of nothing", upgrade + frame(0x80, "x"), true, "101"},
		{"garbage frames", upgrade + strings.Repeat("\xde\xad\xbe\xef", 1000), true, "101"},
		{"handshake without an end", upgrade + text(strings.Repeat("{", 300<<10)), true, "101"},
		{"unknown protocol", upgrade + text("{\"protocol\":\"morse\",\"version\":1}\x1e"), true, "not supported"},
		{"message without an end", upgrade + text(jsonHello) + strings.Repeat(text(strings.Repeat("x", 60<<10)), 8), true, "\"type\":7"},
		{"malformed message", upgrade + text(jsonHello) + text("{\"type\":\x1e"), true, "\"type\":7"},
		{"deep message", upgrade + text(jsonHello) + text("{\"type\":1,\"target\":\"SendMessage\",\"invocationId\":\"1\",\"arguments\":"+strings.Repeat("[", 50_000)+"\x1e"), true, "\"type\":7"},
		{"MessagePack length of 2 GB", upgrade + text(packHello) + frame(0x82, "\xff\xff\xff\xff\x07"), true, "101"},
		{"MessagePack length without an end", upgrade + text(packHello) + frame(0x82, strings.Repeat("\xff", 20)), true, "101"},
		{"MessagePack array of 4 G", upgrade + text(packHello) + frame(0x82, "\x06\xdd\xff\xff\xff\xff\x01"), true, "101"},
		{"MessagePack map of 4 G", upgrade + text(packHello) + frame(0x82, "\x07\x96\x01\xdf\xff\xff\xff\xff"), true, "101"},
		{"MessagePack string of 4 G", upgrade + text(packHello) + frame(0x82, "\x09\x96\x01\x80\xc0\xdb\xff\xff\xff\xff"), true, "101"},
		{"deep MessagePack", upgrade + text(packHello) + frame(0x82, "\xe9\x92\x0c"+"\x96\x01\x80\xa1\x31\xabSendMessage"+strings.Repeat("\x91", 199_000)), false, "101"}, // its call fails
		{"flood of pings", upgrade + text(jsonHello) + strings.Repeat(frame(0x89, "p"), 10_000), false, "101"},
		{"flood of tiny frames", upgrade + strings.Repeat(text("{"), 10_000), false, "101"},
		{"headers that never end", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", false, ""},
		{"a body that never arrives", post + "Content-Length: 100\r\n\r\n{", false, ""},
		{"a stream that is not read", "GET /rooms/lobby/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n", false, ""},
		{"silence", "", false, ""},
		{"silence after the upgrade", upgrade, false, "101"},
	}
}

// Whatever bytes arrive on a connection, the server continues to serve others, ends invalid connections, and does not
// grow.
func TestHostile_BytesDoNotAffectOthers(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		t.Parallel() // most of the time the server waits for bytes that do not arrive
		s := rig.Start(t, testkit.Options{})
		readers := startReaders(t, 10, load.ReaderConfig{URL: s.URL()})
		noError(t, readers.WaitJoined(within(t, 20*time.Second)))
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Senders: 4, Every: 5 * time.Millisecond})
		noError(t, senders.WaitAccepted(within(t, 20*time.Second), 100))
		before := s.Usage().RSS
		var held sync.WaitGroup
		defer held.Wait()
		over := make(chan struct{})
		defer close(over)
		for range 3 {
			var round sync.WaitGroup
			for _, a := range attacks() {
				round.Go(func() { a.run(t, s.Addr(), &held, over) })
			}
			round.Wait()
		}
		noError(t, senders.WaitAccepted(within(t, 10*time.Second), senders.Accepted()+100))
		sends := senders.Stop()
		if senders.Err() != nil || len(senders.Answers()) > 1 {
			t.Errorf("other senders were affected: answers %v, %v", senders.Answers(), senders.Err())
		}
		noError(t, readers.WaitSeq(within(t, 10*time.Second), int64(len(sends))))
		s.Check("lobby", sends, readers.Stop())
		p99 := load.Percentile(load.AcceptLatencies(sends), 0.99)
		growth := s.Usage().RSS - before
		t.Logf("meanwhile others' p99 was %v; the server has grown by %.1f MB", p99, float64(growth)/1e6)
		if p99 > 2*time.Second {
			t.Errorf("others waited %v (p99)", p99)
		}
		if growth > 64<<20 && !testkit.Race() {
			t.Errorf("the server has grown by %d bytes", growth)
		}
	})
}

// run makes one attack. A connection that the server need not end is held open until over, as a hostile client would.
func (a attack) run(t *testing.T, addr string, held *sync.WaitGroup, over <-chan struct{}) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Errorf("%s: %v", a.name, err)
		return
	}
	written := make(chan struct{})
	held.Go(func() {
		_, _ = io.WriteString(conn, a.bytes) // the server may close the connection during the write
		close(written)
	})
	if !a.ends {
		held.Go(func() {
			<-over
			_ = conn.Close()
		})
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var answer bytes.Buffer
	_, err = io.Copy(&answer, conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: the server does not end the connection; it answered %.200q", a.name, answer.String())
	}
	first := answer.String()
	if strings.HasPrefix(a.want, "1") || strings.HasPrefix(a.want, "4") {
		first, _, _ = strings.Cut(first, "\r\n")
		a.want = fmt.Sprint("HTTP/1.1 ", a.want)
	}
	if !strings.Contains(first, a.want) {
		t.Errorf("%s: answered %.300q, want %q", a.name, answer.String(), a.want)
	}
}

// The server does not run the calls that a disconnected client has sent: their answers cannot be delivered.
func TestHostile_CallsOfDisconnectedClientsAreNotRun(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		long := strings.Repeat("x", 30<<10)
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Senders: 10, Each: 20, Text: func(int, int) string { return long }})
		senders.Wait()
		call := text("{\"type\":1,\"invocationId\":\"1\",\"target\":\"GetMessagesSince\",\"arguments\":[\"lobby\",0,200]}\x1e")
		for range 5 {
			conn, err := net.Dial("tcp", s.Addr())
			noError(t, err)
			_, err = io.WriteString(conn, upgrade+text(jsonHello)+strings.Repeat(call, 40))
			noError(t, err)
			_, err = io.CopyN(io.Discard, conn, 64<<10) // the first answer has begun
			noError(t, err)
			noError(t, conn.Close())
		}
		// In two seconds, 200 calls of 6 MB each use a whole core.
		before := s.Usage().CPU
		<-time.After(2 * time.Second)
		if used := s.Usage().CPU - before; used > time.Second {
			t.Errorf("after its clients had disconnected the server used %v of CPU in two seconds", used)
		}
		s.Check("lobby", senders.Stop(), nil)
	})
}
