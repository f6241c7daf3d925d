package faults

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// siege is an attack on the memory of a server, from ten addresses, each of which is a client. The server has as much memory as a
// node of the compose file.
type siege struct {
	name   string
	node   node
	before func(t *testing.T, s *testkit.Server) // what is there before the attack; nil: nothing
	run    func(a *attacker)                     // from a.from, which is one of the ten addresses; the ten run at once
}

// node is the memory of a node: what the kernel gives it, and what GOMEMLIMIT is.
type node struct{ most, heap int64 }

// The nodes of the compose file.
var (
	smallNode = node{most: 256 << 20, heap: 230 << 20}
	hubNode   = node{most: 1 << 30, heap: 920 << 20}
)

// besiegers is how many addresses attack.
const besiegers = 10

// sieges returns the attacks.
func sieges() []siege {
	return append(siegesOfRequests(),
		siege{name: "eighty connections in two hundred rooms each", node: hubNode, run: (*attacker).roomsOfEverybody},
		siege{name: "eighty connections in two hundred rooms each, of a small node", node: smallNode, run: (*attacker).roomsOfEverybody},
		siege{name: "histories that are asked for and not read", node: smallNode, before: longHistory, run: (*attacker).unreadHistories},
		siege{name: "messages that do not end", node: smallNode, run: (*attacker).endlessMessages},
		siege{name: "negotiations that open nothing", node: smallNode, run: (*attacker).endlessNegotiations},
	)
}

// siegeFloor is the p99 of an honest client up to which nobody calls a server slow.
const siegeFloor = 250 * time.Millisecond

// Attacks on the memory end in refusals: the server stays within the memory of its node, an honest client beside them is served as
// before, and when the attackers have left, their memory is free.
func TestSiege_EndsInRefusals(t *testing.T) {
	for _, attack := range sieges() {
		t.Run(attack.name, func(t *testing.T) { attack.endure(t) })
	}
}

func (attack siege) endure(t *testing.T) {
	s := testkit.Start(t, testkit.Options{Limits: true, Args: []string{"--limit-sends=400"}, Env: []string{fmt.Sprint("GOMEMLIMIT=", attack.node.heap)}})
	if attack.before != nil {
		attack.before(t, s)
	}
	h := &honest{s: s}
	h.p99(t) // warms up the server
	before := heldMemory(t, s)
	const rounds = 5
	for round := range rounds { // other programs on the machine can only make it worse
		quiet := h.p99(t)
		p99, held := h.underAttack(t, fmt.Sprintf("127.2.%d.0", time.Now().UnixNano()/1e6%250), attack.name)
		most := mostResident(t, s)
		testkit.Measured(t, "memory", fmt.Sprintf("%s: resident at most %d MiB of %d MiB; p99 %v, quiet %v; %.0f refusals; %s",
			attack.name, most>>20, attack.node.most>>20, p99, quiet, refusals(t, s), held))
		if most > attack.node.most && !testkit.Race() {
			t.Errorf("%d MiB are resident at most, the node has %d MiB", most>>20, attack.node.most>>20)
		}
		if p99 <= 2*max(quiet, siegeFloor) || testkit.Race() {
			break
		}
		if round == rounds-1 {
			t.Errorf("the honest client's p99 is %v, %v without the attack", p99, quiet)
		}
	}
	eventually(t, "the server holds nothing for the attackers", func() bool { return heldMemory(t, s) <= before+256<<10 })
}

// heldMemory returns what the server holds for its clients, without what gives way.
func heldMemory(t *testing.T, s *testkit.Server) (bytes float64) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^restante_memory_bytes\{what="([a-z]+)"\} (\S+)$`).FindAllStringSubmatch(strings.Join(get200(t, s.URL()+"/metrics"), "\n"), -1) {
		if m[1] == "tail" || m[1] == "page" {
			continue
		}
		n, err := strconv.ParseFloat(m[2], 64)
		noError(t, err)
		bytes += n
	}
	return bytes
}

// refusals returns how often something was refused for want of memory, or because a client had too much of something.
func refusals(t *testing.T, s *testkit.Server) (n float64) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^restante_(?:memory_refused|limited)_total\{.*\} (\S+)$`).FindAllStringSubmatch(strings.Join(get200(t, s.URL()+"/metrics"), "\n"), -1) {
		more, err := strconv.ParseFloat(m[1], 64)
		noError(t, err)
		n += more
	}
	return n
}

// mostResident returns how many bytes of the server were resident at most.
func mostResident(t *testing.T, s *testkit.Server) int64 {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.PID()), "status"))
	noError(t, err)
	m := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(status)
	if m == nil {
		t.Fatal("/proc does not say how much was resident at most")
	}
	kilobytes, err := strconv.ParseInt(string(m[1]), 10, 64)
	noError(t, err)
	return kilobytes << 10
}

// besiege runs the attack from all addresses of a.from's network at once. It returns when all have begun.
func (attack siege) besiege(a *attacker) {
	network := a.from[:strings.LastIndex(a.from, ".")+1]
	all := make(chan struct{}, besiegers)
	for n := range besiegers {
		one := &attacker{server: a.server, from: fmt.Sprint(network, n+1), ctx: a.ctx}
		a.others = append(a.others, one)
		go func() {
			attack.run(one)
			all <- struct{}{}
		}()
	}
	for range besiegers {
		<-all
	}
}

// roomsOfEverybody joins as many rooms over as many connections as a client may, reads nothing, and sends to the rooms.
func (a *attacker) roomsOfEverybody() {
	const conns, rooms = 80, 200
	name := func(n int) string { return fmt.Sprintf("%s-%d", a.from, n) }
	for c := range conns {
		joined := url.Values{"client_id": {a.from}}
		for r := range rooms {
			joined.Add("room", name(c%10*rooms+r))
		}
		if conn := a.dial(); conn != nil {
			_, _ = io.WriteString(conn, strings.Replace(upgrade, "?room=", "?"+joined.Encode(), 1)+text(jsonHello))
		}
	}
	for n := range 4 {
		a.work.Go(func() { a.sendLong(func(i int) string { return name((4*i + n) % (10 * rooms)) }) })
	}
}

// sendLong sends long messages, one after the other, to rooms.
func (a *attacker) sendLong(room func(n int) string) {
	body := `{"msg":"` + strings.Repeat("x", 30_000) + `"}`
	for n := 0; a.ctx.Err() == nil; n++ {
		a.ask(fmt.Sprintf("POST /rooms/%s/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			room(n), len(body), body))
	}
}

// longHistory makes a room of long messages.
func longHistory(t *testing.T, s *testkit.Server) {
	t.Helper()
	senders := startSenders(t, load.SenderConfig{URL: s.URL(), Room: "long", Senders: 8, Each: 10, Text: longText(30_000)})
	senders.Wait()
	senders.Stop()
	s.WaitSeq("long", 80)
}

// unreadHistories asks for a long history over many connections and in every way, and reads nothing.
func (a *attacker) unreadHistories() {
	for n := range 190 {
		request := []string{
			"GET /rooms/long/messages?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET /rooms/long/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
			strings.Replace(upgrade, "?room=", "?after=0&room=long", 1) + text(jsonHello),
			upgrade + text(jsonHello) + strings.Repeat(invocation("GetMessagesSince", `["long",0,1000]`), 5),
		}[n%4]
		if conn := a.dial(); conn != nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetReadBuffer(4 << 10) // so that little fits into the kernel
			}
			_, _ = io.WriteString(conn, request)
		}
	}
}

// endlessMessages begins a message of the largest size over many connections, and does not end it.
func (a *attacker) endlessMessages() {
	begun := `{"type":1,"target":"` + strings.Repeat("x", 250_000)
	a.each(100, func() {
		if conn := a.dial(); conn != nil {
			_, _ = io.WriteString(conn, upgrade+text(jsonHello)+frame(0x01, begun))
		}
	})
}

// endlessNegotiations negotiates connections, sends bytes for them, and opens none.
func (a *attacker) endlessNegotiations() {
	early := text(jsonHello) + strings.Repeat("x", 8000)
	for range 4 {
		a.work.Go(func() {
			for a.ctx.Err() == nil {
				status, _, body := a.ask("POST /messageHub/negotiate?negotiateVersion=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
				if m := regexp.MustCompile(`"connectionToken":"([^"]+)"`).FindStringSubmatch(body); status == 200 && m != nil {
					a.ask(fmt.Sprintf("POST /messageHub?id=%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", m[1], len(early), early))
				}
			}
		})
	}
}
