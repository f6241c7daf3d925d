package signalr

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// modelClient does what clients with stateful reconnect do, and cuts its WebSockets at random moments.
type modelClient struct {
	*statefulClient
	random *rand.Rand

	calls    [][]byte // all that were sent
	acked    int      // so many of them the server has acknowledged
	answered int

	next, latest int // numbers of what comes
	logs         map[string]int64
	cuts         int
	cutAgain     bool          // the last cut was during a replay
	window       chan struct{} // has space for what may be on its way
}

// step handles the next message.
func (m *modelClient) step() error {
	got := m.any()
	what, rest, _ := strings.Cut(string(got), " ")
	switch what {
	case "ping":
	case "ack":
		n, _ := strconv.Atoi(rest)
		m.acked = max(m.acked, n)
	case "sequence":
		n, _ := strconv.Atoi(rest)
		if n > m.next {
			return fmt.Errorf("%s, but message %d is the next", got, m.next)
		}
		m.next = n
	case "Got", "answer":
		if m.next++; m.next-1 <= m.latest {
			return nil
		}
		m.latest = m.next - 1
		return m.handle(what, rest)
	default:
		return fmt.Errorf("got %q", got)
	}
	return nil
}

func (m *modelClient) handle(what, rest string) error {
	if what == "answer" {
		if want := id(m.answered); rest != want {
			return fmt.Errorf("answer to %s, want %s", rest, want)
		}
		m.answered++
		return nil
	}
	seq, err := strconv.ParseInt(rest[1:], 10, 64)
	if err != nil || seq != m.logs[rest[:1]]+1 {
		return fmt.Errorf("got %s after %d", rest, m.logs[rest[:1]])
	}
	m.logs[rest[:1]] = seq
	<-m.window
	return nil
}

// id is that of the nth call.
func id(n int) string { return strconv.Itoa(n % 10) }

// act does something at random: mostly nothing.
func (m *modelClient) act() error {
	again := m.next <= m.latest // little would ever arrive if every replay was cut
	switch n := m.random.IntN(1000); {
	case n < 100 && !again:
		call := m.call(id(len(m.calls)), "Echo", strconv.Quote(strings.Repeat("x", m.random.IntN(200))))
		m.calls = append(m.calls, call)
		m.say(call)
	case n < 150:
		m.say(m.ack(int64(m.latest)))
	case n < 155 && !m.cutAgain, n < 180 && !again:
		m.cutAgain = again
		return m.comeBack()
	}
	return nil
}

// comeBack loses the WebSocket in one of several ways, and takes the connection up again.
func (m *modelClient) comeBack() error {
	m.cuts++
	switch m.random.IntN(4) {
	case 0:
		m.cut()
	case 1: // the server sees no end
	case 2:
		m.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(1001, "")))
	case 3:
		call := m.call(id(len(m.calls)), "Echo", strconv.Quote("half"))
		m.calls = append(m.calls, call)
		m.say(call[:m.random.IntN(len(call))])
		m.cut()
	}
	if err := m.tryRedial(); err != nil {
		return err
	}
	again := m.calls[m.acked:]
	m.say(m.sequence(int64(m.acked + 1)))
	for _, call := range again {
		m.say(call)
	}
	for before := m.next; ; { // nothing counts before the Sequence
		got := m.any()
		if n, ok := strings.CutPrefix(string(got), "sequence "); ok {
			if m.next, _ = strconv.Atoi(n); m.next > before {
				return errors.New("the Sequence is too high")
			}
			return nil
		}
	}
}

// Whatever is cut, and whenever: everything arrives once and in order.
func TestStateful_RandomCuts(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p Protocol) {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) { randomCuts(t, p, seed) })
		}
	})
}

func randomCuts(t *testing.T, p Protocol, seed uint64) {
	const each = 1000
	r := newRig(t, Config{ReconnectWindow: testTimeout, MessageRate: -1})
	c, conn := r.stateful(p)
	m := &modelClient{statefulClient: c, random: rand.New(rand.NewPCG(seed, seed)), next: 1, logs: map[string]int64{}, window: make(chan struct{}, 60)}
	var pushing sync.WaitGroup
	quit := make(chan struct{})
	defer pushing.Wait()
	defer close(quit)
	pushing.Go(func() {
		random := rand.New(rand.NewPCG(seed, 0))
		logs := []*testLog{{"a"}, {"b"}, {"c"}}
		at := map[*testLog]int64{}
		for done := 0; done < len(logs)*each; {
			l := logs[random.IntN(len(logs))]
			n := min(1+random.Int64N(5), each-at[l])
			for range n {
				select {
				case m.window <- struct{}{}:
				case <-quit:
					return
				}
			}
			if n > 0 {
				mustPush(t, conn, l, at[l]+1, n)
			}
			at[l] += n
			done += int(n)
		}
	})
	for m.logs["a"]+m.logs["b"]+m.logs["c"] < 3*each || m.answered < len(m.calls) {
		if err := m.step(); err != nil {
			t.Fatalf("after %d cuts: %v", m.cuts, err)
		}
		if m.logs["a"]+m.logs["b"]+m.logs["c"] < 3*each {
			if err := m.act(); err != nil {
				t.Fatalf("cut %d: %v", m.cuts, err)
			}
		}
	}
	if m.cuts < 20 || len(r.hub.conns) > 0 {
		t.Errorf("%d cuts, and %d more connections", m.cuts, len(r.hub.conns))
	}
}
