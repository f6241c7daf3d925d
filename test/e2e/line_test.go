package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"
	"github.com/tinylib/msgp/msgp"
)

// bearer is how a request shows who sends it: values of Authorization, and of access_token in its query.
type bearer struct{ header, query []string }

// inHeader and inQuery show one token.
func inHeader(token string) bearer { return bearer{header: []string{"Bearer " + token}} }
func inQuery(token string) bearer  { return bearer{query: []string{token}} }

// site is a server, and how a test asks it one request at a time.
type site struct {
	t      *testing.T
	url    string
	client *http.Client
}

func newSite(t *testing.T, url string) *site {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	return &site{t: t, url: url, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// requestLimit is how long a request may take, and a connection may be silent.
const requestLimit = 20 * time.Second

// send sends a request and returns the answer, whose body is still to be read. header has names and values.
func (s *site) send(b bearer, method, path, body string, header ...string) *http.Response {
	s.t.Helper()
	for _, token := range b.query {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + "access_token=" + url.QueryEscape(token)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	timer := time.AfterFunc(requestLimit, cancel)
	s.t.Cleanup(func() { timer.Stop(); cancel() })
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	for _, value := range b.header {
		req.Header.Add("Authorization", value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %.200s: %v", method, path, err)
	}
	return resp
}

// ask sends a request and returns what came of it in words, and the body.
func (s *site) ask(b bearer, method, path, body string, header ...string) (answer string, content []byte) {
	s.t.Helper()
	resp := s.send(b, method, path, body, header...)
	defer resp.Body.Close()
	return s.read(resp)
}

// read reads an answer to its end. A success is its status; a refusal is that, its code and text, and what it challenges
// to: "401 unauthenticated: a token is needed [Bearer]".
func (s *site) read(resp *http.Response) (answer string, content []byte) {
	s.t.Helper()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", resp.Request.Method, resp.Request.URL.Path, err)
	}
	answer = fmt.Sprint(resp.StatusCode)
	switch {
	case resp.StatusCode < 300:
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json"):
		var p struct{ Code, Detail string }
		decode(s.t, content, &p)
		answer += " " + p.Code + ": " + p.Detail
	default:
		answer += " " + string(content)
	}
	if challenge := resp.Header.Values("WWW-Authenticate"); len(challenge) > 0 {
		answer += fmt.Sprint(" ", challenge)
	}
	return answer, content
}

// line is a connection to the hub, made of single requests, each of which may show another token.
type line struct {
	*site
	transport string // "websockets", "sse" or "longpolling"
	binary    bool   // the MessagePack protocol
	id        string // the connection token; "" without negotiation
	calls     int
	in        []byte             // received, but not taken yet
	body      io.ReadWriteCloser // of a WebSocket
	events    *bufio.Reader      // of server-sent events
	heard     string             // the messages that were not answers
}

// negotiate asks for a connection token.
func (s *site) negotiate(b bearer) (id, answer string) {
	s.t.Helper()
	answer, content := s.ask(b, http.MethodPost, "/messageHub/negotiate?negotiateVersion=1", "")
	if answer != "200" {
		return "", answer
	}
	var n struct{ ConnectionToken string }
	decode(s.t, content, &n)
	return n.ConnectionToken, answer
}

// open sends the request that opens a connection; query has further parameters of the hub URL. The connection is of use
// only if the answer is "101" or "200".
func (s *site) open(b bearer, wire, id, query string) (l *line, answer string) {
	s.t.Helper()
	transport, protocol, _ := strings.Cut(wire, " ")
	l = &line{site: s, transport: transport, binary: protocol == "messagepack", id: id}
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

// path is that of the hub, with the connection's token.
func (l *line) path(query string) string {
	values := []string{}
	if l.id != "" {
		values = append(values, "id="+l.id)
	}
	if query != "" {
		values = append(values, query)
	}
	return "/messageHub?" + strings.Join(values, "&")
}

// post is the sending half of the transports that are no WebSockets.
func (l *line) post(b bearer, bytes string) string {
	l.t.Helper()
	answer, _ := l.ask(b, http.MethodPost, l.path(""), bytes)
	return answer
}

// poll is the receiving half of long polling.
func (l *line) poll(b bearer) string {
	l.t.Helper()
	answer, content := l.ask(b, http.MethodGet, l.path(""), "")
	if answer == "200" {
		l.in = append(l.in, content...)
	}
	return answer
}

// hangUp ends the connection.
func (l *line) hangUp(b bearer) string {
	l.t.Helper()
	answer, _ := l.ask(b, http.MethodDelete, l.path(""), "")
	return answer
}

// write sends bytes by whatever the transport is, and returns the refusal, if there is one.
func (l *line) write(b bearer, bytes []byte) string {
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

// receive waits for more bytes, and returns why there are none.
func (l *line) receive(b bearer) string {
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

// hubMessage is one of the server's.
type hubMessage struct {
	Type           int
	InvocationID   string
	Error          string
	AllowReconnect bool
	text           string // as it came
}

// next returns the next message, or why there is none.
func (l *line) next(b bearer) (m hubMessage, end string) {
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

// take takes a message from what has been received.
func (l *line) take() (m hubMessage, ok bool) {
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

// shake makes the handshake, and returns the refusal, if there is one.
func (l *line) shake(b bearer) string {
	l.t.Helper()
	protocol := map[bool]string{true: "messagepack", false: "json"}[l.binary]
	binaryFrames := l.binary
	defer func() { l.binary = binaryFrames }()
	l.binary = false // its answer is JSON in any case
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

// call invokes a method, and returns "ok", or the error in its answer, or why there is none.
func (l *line) call(b bearer, method string, args ...any) string {
	l.t.Helper()
	l.calls++
	id := fmt.Sprint(l.calls)
	refusal := l.write(b, l.invocation(id, method, args))
	if refusal != "" && refusal != notFound { // if it has ended, the reason is to be read yet
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

// untilHeard reads until the text has come, and returns "heard", or why it has not.
func (l *line) untilHeard(b bearer, text string) string {
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
		text += " (come again)"
	}
	return text
}

// invocation is the bytes of a call.
func (l *line) invocation(id, method string, args []any) []byte {
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
func (s *site) enter(b bearer, wire, query string) (l *line, refusal string) {
	s.t.Helper()
	id, answer := s.negotiate(b)
	if id == "" {
		return nil, answer
	}
	l, answer = s.open(b, wire, id, query)
	if answer != "101" && answer != "200" {
		return nil, answer
	}
	return l, l.shake(b)
}

// leave ends the connection as a client does.
func (l *line) leave(b bearer) {
	l.t.Helper()
	if l.transport == "longpolling" {
		l.hangUp(b)
	}
	if l.body != nil {
		_ = l.body.Close() // it may have ended
	}
}
