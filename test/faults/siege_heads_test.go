package faults

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// siegesOfRequests are attacks by heads and bodies of requests that do not end, or that last.
func siegesOfRequests() []siege {
	return []siege{
		{name: "heads that do not end", node: smallNode, run: (*attacker).endlessHeads},
		{name: "second heads that do not end", node: smallNode, run: (*attacker).endlessSecondHeads},
		{name: "connections that send nothing", node: smallNode, run: (*attacker).silence},
		{name: "bodies that are promised", node: smallNode, run: (*attacker).promisedBodies},
		{name: "bodies that come slowly", node: smallNode, run: (*attacker).slowBodies},
		{name: "long URLs and heads of connections and streams", node: smallNode, run: (*attacker).longURLs},
	}
}

// longHead is the beginning of a head of almost the largest size.
var longHead = "GET /version HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 250_000)

// endlessHeads begins many heads of almost the largest size, and ends none. It connects again when it is refused.
func (a *attacker) endlessHeads() { a.endless("", longHead, 400) }

// endlessSecondHeads does so after a request on each connection that was answered.
func (a *attacker) endlessSecondHeads() {
	a.endless("GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n", longHead, 400)
}

// endless sends a whole request and the beginning of another over n connections.
func (a *attacker) endless(first, beginning string, n int) {
	a.each(n, func() {
		conn := a.dial()
		if conn == nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if first != "" {
			_, _ = io.WriteString(conn, first)
			_, _ = conn.Read(make([]byte, 4<<10))
		}
		_, _ = io.WriteString(conn, beginning)
	})
}

// silence opens connections that send nothing.
func (a *attacker) silence() { a.halfOpen(1000) }

// promisedBodies promises long bodies and sends nothing of them.
func (a *attacker) promisedBodies() {
	for _, path := range []string{"/message", "/rooms/lobby/messages", "/messageHub/negotiate", "/messageHub/refresh"} {
		a.each(75, func() {
			if conn := a.dial(); conn != nil {
				_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 262000\r\n\r\n", path)
			}
		})
	}
}

// slowBodies sends most of long bodies, and then one byte after the other.
func (a *attacker) slowBodies() {
	for _, head := range []string{
		"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 262000\r\n\r\n",
		"POST /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n3f000\r\n",
	} {
		a.drip(100, head+strings.Repeat("a", 250_000), "a")
	}
}

// longURLs opens connections and streams with as much in their URLs and heads as there may be, and keeps them.
func (a *attacker) longURLs() {
	noise := strings.Repeat("a", 240_000)
	for _, request := range []string{
		strings.Replace(upgrade, "?room=", "?room=&x="+noise, 1),
		"GET /rooms/lobby/events HTTP/1.1\r\nHost: localhost\r\nX-A: " + noise + "\r\n\r\n",
		"GET /messageHub?id=" + noise + " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
	} {
		a.each(95, func() {
			if conn := a.dial(); conn != nil {
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				_, _ = io.WriteString(conn, request)
			}
		})
	}
}
