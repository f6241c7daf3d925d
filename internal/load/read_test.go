package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"

	"restante/internal/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hubStub is a server that, on each connection, makes the handshake, waits for the join and then calls talk.
func hubStub(t *testing.T, talk func(conn net.Conn, join string)) string {
	t.Helper()
	return rawHubStub(t, func(conn net.Conn, join string) {
		say(conn, joinAnswer(`{"last_seq":9,"oldest_seq":1}`))
		talk(conn, join)
	})
}

func joinAnswer(result string) string {
	return "{\"type\":6}\x1e{\"type\":3,\"invocationId\":\"join\",\"result\":" + result + "}\x1e"
}

// rawHubStub is hubStub without an answer to the join, which talk has to give.
func rawHubStub(t *testing.T, talk func(conn net.Conn, join string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		hello, err := wsutil.ReadClientText(conn)
		if err != nil {
			return
		}
		say(conn, "{}\x1e")
		_, join, _ := strings.Cut(string(hello), "\x1e")
		if join == "" {
			b, err := wsutil.ReadClientText(conn)
			if err != nil {
				return
			}
			join = string(b)
		}
		talk(conn, join)
		_, _ = io.Copy(io.Discard, conn) // until the reader disconnects
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func say(conn net.Conn, text string) { _ = wsutil.WriteServerText(conn, []byte(text)) }

func event(seq int64, text string) string {
	return fmt.Sprintf("{\"type\":1,\"target\":\"ReceiveMessage\",\"arguments\":[{\"id\":\"00000000-0000-7000-8000-%012d\",\"room\":\"lobby\",\"seq\":%d,\"client_id\":\"a\",\"msg\":%q}]}\x1e", seq, seq, text)
}

// readUntil runs a reader until its position is seq.
func readUntil(t *testing.T, cfg ReaderConfig, seq int64) Reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	rs, err := StartReaders(ctx, 1, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Stop()
	if err := rs.WaitSeq(ctx, seq); err != nil {
		t.Fatal(err)
	}
	return rs.Stop()[0]
}

func TestReader_CountsWhatItSees(t *testing.T) {
	for name, c := range map[string]struct {
		seqs []int64
		want Reading
	}{
		"in order":     {[]int64{4, 5, 6}, Reading{Seen: 3, Last: 6}},
		"repeated":     {[]int64{4, 5, 5, 4, 6}, Reading{Seen: 5, Last: 6, Repeated: 2}},
		"out of order": {[]int64{5, 4, 6}, Reading{Seen: 3, Last: 6, OutOfOrder: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			url := hubStub(t, func(conn net.Conn, _ string) {
				for _, seq := range c.seqs {
					say(conn, event(seq, `a "seq":99 text`))
				}
			})
			got := readUntil(t, ReaderConfig{URL: url, After: 3}, 6)
			if got.Seen != c.want.Seen || got.Last != c.want.Last || got.Lost != 0 || got.Repeated != c.want.Repeated || got.OutOfOrder != c.want.OutOfOrder || got.Connects != 1 {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestReader_CountsWhatIsLost(t *testing.T) {
	url := hubStub(t, func(conn net.Conn, _ string) {
		say(conn, event(1, "a")+event(4, "b"))
		say(conn, "{\"type\":7,\"error\":\"enough\",\"allowReconnect\":true}\x1e")
	})
	r, err := NewReader(ReaderConfig{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Run(t.Context())
	if got.Lost != 2 || got.Last != 4 {
		t.Errorf("got %+v, want 2 lost of 4", got)
	}
	if closed, ok := errors.AsType[*Closed](got.Err); !ok || !closed.AllowReconnect || closed.Reason != "enough" {
		t.Errorf("ended by %v", got.Err)
	}
}

func TestReader_ReconnectsWithItsCursor(t *testing.T) {
	var connections atomic.Int64
	url := hubStub(t, func(conn net.Conn, join string) {
		var after int64
		if _, err := fmt.Sscanf(join[strings.Index(join, "arguments"):], `arguments":["lobby",%d]`, &after); err != nil {
			t.Errorf("join %q: %v", join, err)
		}
		say(conn, event(after+1, "x")+event(after+2, "y"))
		if connections.Add(1) < 3 {
			_ = conn.Close()
		}
	})
	got := readUntil(t, ReaderConfig{URL: url, Reconnect: true, Backoff: time.Millisecond}, 6)
	if got.Connects != 3 || got.Seen != 6 || got.Lost+got.Repeated+got.OutOfOrder > 0 {
		t.Errorf("got %+v", got)
	}
}

// The store goes back twice, once below the first cursor, and messages are removed. The reader comes back with the epoch, and what
// it holds then is what the log has.
func TestReader_GoesOnWhereAResetSays(t *testing.T) {
	stored := func(from, to int64, text string) (log []chat.Message) {
		for seq := from; seq <= to; seq++ {
			log = append(log, chat.Message{Seq: seq, ID: fmt.Sprintf("00000000-0000-7000-8000-%s%011d", text, seq)})
		}
		return log
	}
	send := func(conn net.Conn, log []chat.Message) {
		for _, m := range log {
			say(conn, strings.Replace(event(m.Seq, "x"), fmt.Sprintf("00000000-0000-7000-8000-%012d", m.Seq), m.ID, 1))
		}
	}
	reset := func(reason string, after int) string {
		return fmt.Sprintf(`{"room":"lobby","reason":%q,"epoch":"e1","last_seq":9,"after":%d}`, reason, after)
	}
	joins := make(chan string, 2)
	for name, c := range map[string]struct {
		second, join string // the second connection gets this answer, and has joined with this
		log          []chat.Message
		after        int64
	}{
		"in what it has":   {`{"epoch":"e1","reset":` + reset("epoch", 5) + `}`, `{"after":7,"epoch":"e0"}`, append(stored(4, 5, "a"), stored(6, 9, "b")...), 3},
		"all that it has":  {`{"epoch":"e1","reset":` + reset("epoch", 3) + `}`, `{"after":7,"epoch":"e0"}`, stored(4, 9, "b"), 3},
		"below its cursor": {`{"epoch":"e1","reset":` + reset("epoch", 1) + `}`, `{"after":7,"epoch":"e0"}`, stored(2, 9, "b"), 1},
		"beyond it":        {`{"epoch":"e0","reset":` + reset("floor", 8) + `}`, `{"after":7,"epoch":"e0"}`, stored(9, 9, "a"), 8},
	} {
		t.Run(name, func(t *testing.T) {
			first := true
			url := rawHubStub(t, func(conn net.Conn, join string) {
				joins <- join
				if first {
					first = false
					say(conn, joinAnswer(`{"last_seq":7,"oldest_seq":1,"epoch":"e0"}`))
					send(conn, stored(4, 7, "a"))
					_ = conn.Close()
					return
				}
				again := slices.IndexFunc(c.log, func(m chat.Message) bool { return strings.Contains(m.ID, "b") || m.Seq > 7 })
				send(conn, c.log[again:again+1]) // before the answer
				say(conn, joinAnswer(c.second))
				send(conn, c.log[again+1:])
			})
			got := readUntil(t, ReaderConfig{URL: url, After: 3, IDs: true, Reconnect: true, Backoff: time.Millisecond}, 9)
			if got.After != c.after || got.Last != 9 || got.Resets != 1 || got.Lost+got.Repeated+got.OutOfOrder > 0 {
				t.Errorf("got %+v", got)
			}
			report := Check(Evidence{Stored: c.log, Readings: []Reading{got}, Foreign: true})
			if report.Mistaken > 0 || got.sum == 0 {
				t.Errorf("it holds other messages than the log: %s", &report)
			}
			if a, b := <-joins, <-joins; !strings.Contains(a, `["lobby",3]`) || !strings.Contains(b, c.join) {
				t.Errorf("joined with %s, then with %s", a, b)
			}
		})
	}
}

func TestReader_TakesAResetWhileItReads(t *testing.T) {
	url := hubStub(t, func(conn net.Conn, _ string) {
		say(conn, event(1, "a"))
		say(conn, "{\"type\":1,\"target\":\"Reset\",\"arguments\":[{\"room\":\"lobby\",\"reason\":\"floor\",\"epoch\":\"e0\",\"last_seq\":9,\"after\":7,\"from\":2}]}\x1e")
		say(conn, event(8, "h")+event(9, "i"))
	})
	got := readUntil(t, ReaderConfig{URL: url, IDs: true}, 9)
	if got.After != 7 || got.Last != 9 || got.Resets != 1 || got.Seen != 3 || got.Lost+got.Repeated+got.OutOfOrder > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestReader_WaitsAtItsGate(t *testing.T) {
	joined := make(chan string, 1)
	url := hubStub(t, func(_ net.Conn, join string) { joined <- join })
	gate := make(chan struct{})
	rs, err := StartReaders(t.Context(), 1, ReaderConfig{URL: url, Gate: gate})
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Stop()
	if err := rs.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-joined:
		t.Error("joined before the gate opened")
	default:
	}
	close(gate)
	if err := rs.WaitJoined(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestStream_FindsMessagesHoweverTheyArrive splits the same bytes at every position, and into single bytes.
func TestStream_FindsMessagesHoweverTheyArrive(t *testing.T) {
	long := strings.Repeat("long ", 30_000)
	var wire bytes.Buffer
	for _, text := range []string{"{}\x1ea\x1eb\x1e", "", long + "\x1e", strings.Repeat("c", 200) + "\x1e"} {
		if err := ws.WriteFrame(&wire, ws.NewTextFrame([]byte(text))); err != nil {
			t.Fatal(err)
		}
		if err := ws.WriteFrame(&wire, ws.NewPingFrame([]byte("p"))); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"{}", "a", "b", long, strings.Repeat("c", 200)}
	for _, piece := range []int{1, 2, 3, 7, 1000, 4096, 1 << 20} {
		var got []string
		pings := 0
		s := &stream{control: func(ws.OpCode, []byte) error { pings++; return nil }}
		in := bytes.NewReader(wire.Bytes())
		for {
			err := s.fill(io.LimitReader(in, int64(piece)))
			if err != nil {
				break
			}
			if err := s.each(func(b []byte) error { got = append(got, string(b)); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") || pings != 4 {
			t.Errorf("in pieces of %d: %d messages, %d pings", piece, len(got), pings)
		}
	}
}

func TestStream_RefusesTornMessages(t *testing.T) {
	var wire bytes.Buffer
	if err := ws.WriteFrame(&wire, ws.NewTextFrame([]byte("whole\x1ehalf"))); err != nil {
		t.Fatal(err)
	}
	s := &stream{}
	if err := s.fill(&wire); err != nil {
		t.Fatal(err)
	}
	if err := s.each(func([]byte) error { return nil }); !errors.Is(err, errTorn) {
		t.Errorf("error %v, want %v", err, errTorn)
	}
}

func TestTimedText_TellsItsTime(t *testing.T) {
	text := TimedText(128)
	at, ok := sentAt([]byte(`{"seq":1,"msg":"` + text + `"}`))
	if len(text) != 128 || !ok || time.Since(at) < 0 || time.Since(at) > time.Minute {
		t.Errorf("%d bytes, sent at %v, %t", len(text), at, ok)
	}
}
