package e2e

// hubWays are the entry points of the hub: each request of each transport, and the operations over every wire.
func hubWays() []way {
	all := []way{{name: "negotiate", inQuery: true, want: forAnybody, do: func(c *cell) []string {
		_, answer := c.negotiate(c.bearer)
		return []string{answer}
	}}}
	for _, transport := range []string{"websockets", "sse", "longpolling"} {
		opened := "200"
		if transport == "websockets" {
			opened = "101"
		}
		all = append(all, opening(transport, opened))
	}
	all = append(all, way{
		name: "open websockets without negotiation", inQuery: true,
		want: closed([]string{"101"}, []string{"101"}, []string{"101"}, []string{"101"}),
		do: func(c *cell) []string {
			l, answer := c.open(c.bearer, "websockets json", "", "room=")
			l.leave(c.bearer)
			return []string{answer}
		},
	})
	for _, wire := range []string{"sse json", "longpolling json"} {
		all = append(all, later("post over "+wire, wire, "200", func(c *cell, l *hubConn) string { return l.post(c.bearer, "{\"type\":6}\x1e") }))
	}
	all = append(all,
		later("poll", "longpolling json", "200", (*cell).pollOthers),
		later("hang up", "longpolling json", "202", func(c *cell, l *hubConn) string { return l.hangUp(c.bearer) }))
	for _, wire := range wires() {
		all = append(all, joining(wire), naming(wire), methods(wire))
	}
	return all
}

// notFound is the answer to requests for connections of other clients.
const notFound = "404 No Connection with that ID"

// opening opens a connection whose connection token belongs to the right bearer.
func opening(transport, opened string) way {
	return way{
		name: "open " + transport, inQuery: true,
		want: closed([]string{opened}, []string{opened}, []string{opened}, []string{notFound}),
		do: func(c *cell) []string {
			id, _ := c.negotiate(c.table.right)
			l, answer := c.open(c.bearer, transport+" json", id, "room=")
			l.leave(c.table.right)
			return []string{answer}
		},
	}
}

// later is a request for a connection that the right bearer has opened. It needs a valid token of the same sub. What
// the connection may do was decided when it was opened.
func later(name, wire, done string, request func(c *cell, l *hubConn) string) way {
	return way{
		name: name, inQuery: true,
		want: closed([]string{done}, []string{done}, []string{done}, []string{notFound}),
		do: func(c *cell) []string {
			l, refusal := c.enter(c.table.right, wire, "room=")
			if refusal != "" {
				return []string{"the right bearer is refused: " + refusal}
			}
			answer := request(c, l)
			if answer != "202" { // otherwise the connection has ended
				l.leave(c.table.right)
			}
			return []string{answer}
		},
	}
}

// pollOthers polls while there is something to read. A refused poll must not consume it.
func (c *cell) pollOthers(l *hubConn) string {
	if refusal := l.write(c.table.right, l.invocation("7", "LeaveRoom", []any{room})); refusal != "" {
		return refusal
	}
	answer := l.poll(c.bearer)
	if answer != "200" {
		l.poll(c.table.right)
	}
	if m, ok := l.take(); !ok || m.InvocationID != "7" {
		return answer + ", and the answer to the call is lost"
	}
	return answer
}

// joining puts the room into the hub URL.
func joining(wire string) way {
	return way{
		name: "hub URL of the room over " + wire, inQuery: true,
		want: closed([]string{"heard"}, []string{"close: " + notRoom}, []string{"heard"}, []string{"heard"}),
		do: func(c *cell) []string {
			l, refusal := c.enter(c.bearer, wire, "after=0&room="+room)
			if refusal != "" {
				return []string{refusal}
			}
			defer l.leave(c.bearer)
			return []string{l.untilHeard(c.bearer, canary)}
		},
	}
}

// naming puts the sender into the hub URL.
func naming(wire string) way {
	text := []string{"ok"}
	return way{
		name: "hub URL of the sender over " + wire, inQuery: true,
		want: closed(text, text, text, []string{"close: " + notSender}),
		do: func(c *cell) []string {
			l, refusal := c.enter(c.bearer, wire, "room=&client_id="+sender)
			if refusal != "" {
				return []string{refusal}
			}
			defer l.leave(c.bearer)
			return []string{l.call(c.bearer, "LeaveRoom", room)}
		},
	}
}

// methods calls each method over one connection.
func methods(wire string) way {
	return way{
		name: "methods over " + wire, inQuery: true,
		want: closed(
			[]string{"ok", "ok", "ok", "ok", "heard", "ok", "ok canary"},
			[]string{notRoom, notRoom, notRoom, notRoom, "", "ok", notRoom},
			[]string{notSend, notSend, notSend, "ok", "heard", "ok", "ok canary"},
			[]string{"ok", "ok", notSender, "ok", "heard", "ok", "ok canary"},
		),
		do: func(c *cell) []string {
			l, refusal := c.enter(c.bearer, wire, "room=")
			if refusal != "" {
				return []string{refusal}
			}
			defer l.leave(c.bearer)
			var answers []string
			for _, args := range []func(text string) []any{
				func(text string) []any { return []any{room, text} },
				func(text string) []any { return []any{map[string]any{"room": room, "msg": text}} },
				func(text string) []any { return []any{map[string]any{"room": room, "msg": text, "client_id": sender}} },
			} {
				text := c.text()
				answers = append(answers, c.sent(l.call(c.bearer, "SendMessage", args(text)...), text))
			}
			joined, heard := l.call(c.bearer, "JoinRoom", room, 0), ""
			if joined == "ok" {
				heard = l.untilHeard(c.bearer, canary)
			}
			answers = append(answers, joined, heard, l.call(c.bearer, "LeaveRoom", room))
			l.heard = ""
			read := l.call(c.bearer, "GetMessagesSince", room, 0, 1)
			return append(answers, c.saw(read, l.heard))
		},
	}
}
