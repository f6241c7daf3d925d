package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gobwas/ws/wsutil"
	"github.com/tinylib/msgp/msgp"
)

// hubConn is a connection to the hub, made of single requests. Each may show another token.
type hubConn struct {
	*site
	transport string // "websockets", "sse" or "longpolling"
	binary    bool   // uses the MessagePack protocol
	id        string // the connection token; "" without negotiation
	calls     int
	in        []byte             // received bytes that are not decoded yet
	body      io.ReadWriteCloser // the WebSocket
	events    *bufio.Reader      // the stream of server-sent events
	heard     string             // the messages that were not answers
}

// open sends the request that opens a connection; query has further parameters of the hub URL. The connection can be
// used only if the answer is "101" or "200".
func (s *site) open(b bearer, wire, id, query string) (l *hubConn, answer string) {
	s.t.Helper()
	transport, protocol, _ := strings.Cut(wire, " ")
	l = &hubConn{site: s, transport: transport, binary: protocol == "messagepack", id: id}
	header := []string{"X-Requested-With", "XMLHttpRequest"}
	switch transport {
	case "websockets":
		header = []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}
	case "sse":
		header = []string{"Accept", "text/event-stream"}
	}
	resp := s.send(b, http.MethodGet, l.path(query), "", header...)
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols:
		l.body = resp.Body.(io.ReadWriteCloser)
		return l, "101"
	case resp.StatusCode == http.StatusOK && transport == "sse":
		l.events = bufio.NewReader(resp.Body)
		return l, "200"
	}
	answer, _ = s.read(resp)
	return l, answer
}

// path returns the hub's path with the connection token.
func (l *hubConn) path(query string) string {
	values := []string{}
	if l.id != "" {
		values = append(values, "id="+l.id)
	}
	if query != "" {
		values = append(values, query)
	}
	return "/messageHub?" + strings.Join(values, "&")
}

// post sends bytes over a transport other than WebSockets.
func (l *hubConn) post(b bearer, bytes string) string {
	l.t.Helper()
	answer, _ := l.ask(b, http.MethodPost, l.path(""), bytes)
	return answer
}

// poll receives bytes by long polling.
func (l *hubConn) poll(b bearer) string {
	l.t.Helper()
	answer, content := l.ask(b, http.MethodGet, l.path(""), "")
	if answer == "200" {
		l.in = append(l.in, content...)
	}
	return answer
}

// hangUp ends the connection.
func (l *hubConn) hangUp(b bearer) string {
	l.t.Helper()
	answer, _ := l.ask(b, http.MethodDelete, l.path(""), "")
	return answer
}

// write sends bytes over any transport, and returns the refusal, if any.
func (l *hubConn) write(b bearer, bytes []byte) string {
	l.t.Helper()
	if l.body == nil {
		if answer := l.post(b, string(bytes)); answer != "200" {
			return answer
		}
		return ""
	}
	write := wsutil.WriteClientText
	if l.binary {
		write = wsutil.WriteClientBinary
	}
	if err := write(l.body, bytes); err != nil {
		return "write: " + err.Error()
	}
	return ""
}

// receive waits for more bytes, and returns the reason if there are none.
func (l *hubConn) receive(b bearer) string {
	l.t.Helper()
	var more []byte
	var err error
	switch l.transport {
	case "websockets":
		more, _, err = wsutil.ReadServerData(l.body)
	case "sse":
		var text string
		text, err = l.events.ReadString('\n')
		if payload, ok := strings.CutPrefix(text, "data: "); ok {
			more = []byte(strings.TrimRight(payload, "\r\n"))
		}
	default:
		if answer := l.poll(b); answer != "200" {
			return answer
		}
	}
	if err != nil {
		return "end: " + err.Error()
	}
	l.in = append(l.in, more...)
	return ""
}

// hubMessage is one message from the server.
type hubMessage struct {
	Type           int
	InvocationID   string
	Error          string
	AllowReconnect bool
	text           string // the encoded message
}

// next returns the next message, or the reason why there is none.
func (l *hubConn) next(b bearer) (m hubMessage, end string) {
	l.t.Helper()
	for {
		if m, ok := l.take(); ok {
			return m, ""
		}
		if end := l.receive(b); end != "" {
			return hubMessage{}, end
		}
	}
}

// take decodes a message from the received bytes.
func (l *hubConn) take() (m hubMessage, ok bool) {
	l.t.Helper()
	if !l.binary {
		text, rest, whole := bytes.Cut(l.in, []byte{0x1e})
		if !whole {
			return m, false
		}
		decode(l.t, text, &m)
		m.text, l.in = string(text), rest
		return m, true
	}
	length, size := binary.Uvarint(l.in)
	if size <= 0 || len(l.in)-size < int(length) {
		return m, false
	}
	packed := l.in[size : size+int(length)]
	l.in = l.in[size+int(length):]
	value, _, err := msgp.ReadIntfBytes(packed)
	fields, isArray := value.([]any)
	if err != nil || !isArray {
		l.t.Fatalf("%x: %v", packed, err)
	}
	m.text = string(packed)
	kind, _ := fields[0].(int64)
	switch m.Type = int(kind); m.Type {
	case 3:
		m.InvocationID, _ = fields[2].(string)
		if fields[3] == int64(1) {
			m.Error, _ = fields[4].(string)
		}
	case 7:
		m.Error, _ = fields[1].(string)
		m.AllowReconnect = len(fields) > 2 && fields[2] == true
	}
	return m, true
}

// handshake makes the handshake, and returns the refusal, if any.
func (l *hubConn) handshake(b bearer) string {
	l.t.Helper()
	protocol := map[bool]string{true: "messagepack", false: "json"}[l.binary]
	binaryFrames := l.binary
	defer func() { l.binary = binaryFrames }()
	l.binary = false // the answer is JSON with either protocol
	if refusal := l.write(b, []byte(`{"protocol":"`+protocol+"\",\"version\":1}\x1e")); refusal != "" {
		return refusal
	}
	switch m, end := l.next(b); {
	case end != "":
		return end
	case m.Error != "":
		return "handshake: " + m.Error
	}
	return ""
}

// call calls a method, and returns "ok", or the error in its answer, or the reason why there is no answer.
func (l *hubConn) call(b bearer, method string, args ...any) string {
	l.t.Helper()
	l.calls++
	id := fmt.Sprint(l.calls)
	refusal := l.write(b, l.invocation(id, method, args))
	if refusal != "" && refusal != notFound { // if the connection has ended, the reason is still to be read
		return refusal
	}
	for {
		m, end := l.next(b)
		switch {
		case end != "":
			return end
		case m.Type == 7:
			return closeText(m)
		case m.Type == 3 && m.InvocationID == id && m.Error == "":
			l.heard += m.text
			return "ok"
		case m.Type == 3 && m.InvocationID == id:
			_, text, _ := strings.Cut(m.Error, "HubException: ")
			return text
		}
		l.heard += m.text
	}
}

// untilHeard reads until the text has arrived, and returns "heard", or the reason why it has not.
func (l *hubConn) untilHeard(b bearer, text string) string {
	l.t.Helper()
	for !strings.Contains(l.heard, text) {
		m, end := l.next(b)
		if end != "" {
			return end
		}
		if m.Type == 7 {
			return closeText(m)
		}
		l.heard += m.text
	}
	return "heard"
}

func closeText(m hubMessage) string {
	text := "close: " + strings.TrimPrefix(m.Error, "Connection closed with an error. HubException: ")
	if m.AllowReconnect {
		text += " (reconnect)"
	}
	return text
}

// invocation returns the encoded call.
func (l *hubConn) invocation(id, method string, args []any) []byte {
	l.t.Helper()
	if !l.binary {
		b, err := json.Marshal(map[string]any{"type": 1, "invocationId": id, "target": method, "arguments": args})
		if err != nil {
			l.t.Fatal(err)
		}
		return append(b, 0x1e)
	}
	b, err := msgp.AppendIntf(nil, []any{1, map[string]any{}, id, method, args, []any{}})
	if err != nil {
		l.t.Fatal(err)
	}
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

// enter negotiates, opens a connection and makes the handshake, all with the same token, and returns the first refusal.
func (s *site) enter(b bearer, wire, query string) (l *hubConn, refusal string) {
	s.t.Helper()
	id, answer := s.negotiate(b)
	if id == "" {
		return nil, answer
	}
	l, answer = s.open(b, wire, id, query)
	if answer != "101" && answer != "200" {
		return nil, answer
	}
	return l, l.handshake(b)
}

// leave ends the connection as a client does.
func (l *hubConn) leave(b bearer) {
	l.t.Helper()
	if l.transport == "longpolling" {
		l.hangUp(b)
	}
	if l.body != nil {
		_ = l.body.Close() // it may have ended already
	}
}
