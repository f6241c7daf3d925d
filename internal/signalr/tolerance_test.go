package signalr

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/tinylib/msgp/msgp"
)

// What stock servers answer is expected of this one. A connection ends with a Close that says so, or in a protocol error.
const malformed = `{"type":7,"error":"Connection closed with an error.","allowReconnect":true} 1000`

const aliveCall = `{"type":1,"invocationId":"alive","target":"Void","arguments":[]}` + "\x1e"

// answers sends frames, and then a call if that is possible. It returns the records that the server has sent before it answered the
// call, and the code with which it has ended the connection, if it has.
func (c *wsClient) answers(frames ...ws.Frame) string {
	c.t.Helper()
	for _, f := range append(frames, ws.NewTextFrame([]byte(aliveCall))) {
		_ = ws.WriteFrame(c.conn, ws.MaskFrame(f)) // fails after the end
	}
	var got []string
	for {
		switch f := c.read(); f.Header.OpCode {
		case ws.OpClose:
			return strings.Join(append(got, fmt.Sprint(binary.BigEndian.Uint16(f.Payload))), " ")
		case ws.OpText:
			for record := range strings.SplitSeq(strings.TrimSuffix(string(f.Payload), "\x1e"), "\x1e") {
				if record == `{"type":3,"invocationId":"alive"}` {
					return strings.Join(got, " ")
				}
				got = append(got, record)
			}
		default:
			got = append(got, "pong "+string(f.Payload))
		}
	}
}

func text(s string) ws.Frame     { return ws.NewTextFrame([]byte(s)) }
func binaryOf(s string) ws.Frame { return ws.NewBinaryFrame([]byte(s)) }

func begun(op ws.OpCode, s string, fin bool) ws.Frame { return ws.NewFrame(op, fin, []byte(s)) }

// A value that cannot be given to its method fails its call, and not the connection.
func TestTolerance_JSON(t *testing.T) {
	const call = `{"type":1,"invocationId":"1","target":"Echo","arguments":[%s]}` + "\x1e"
	invalid := func(detail string) string {
		return `{"type":3,"invocationId":"1","error":"An unexpected error occurred invoking 'Echo' on the server. HubException: invalid: argument 1: ` + detail + `"}`
	}
	half, bytesOf := invalid("text with half of a surrogate pair, such as half an emoji"), invalid("text that is not UTF-8")
	unknown := func(name string) string {
		return `{"type":3,"invocationId":"1","error":"Unknown hub method '` + name + `'"}`
	}
	const echoed = `{"type":3,"invocationId":"1","result":1}`
	r := newRig(t, Config{})
	for _, tc := range []struct {
		frame ws.Frame
		want  string
	}{
		{text(fmt.Sprintf(call, `"\ud83d"`)), half},
		{text(fmt.Sprintf(call, `"\uDE00"`)), half},
		{text(fmt.Sprintf(call, `{"a":["x\ud83dy"]}`)), half},
		{text(fmt.Sprintf(call, `{"\ud83d":1}`)), half},
		{text(fmt.Sprintf(call, `"\\ud83d"`)), `{"type":3,"invocationId":"1","result":"\\ud83d"}`},
		{text(fmt.Sprintf(call, `"\ud83d\ude00"`)), `{"type":3,"invocationId":"1","result":"\ud83d\ude00"}`},
		{binaryOf(fmt.Sprintf(call, "\"\xff\"")), bytesOf},
		{binaryOf(fmt.Sprintf(call, "\"\xed\xa0\xbd\"")), bytesOf},
		{text(`{"arguments":["\ud83d"],"target":"Echo","invocationId":"1","type":1}` + "\x1e"), half},
		{text(`{"type":1,"target":"Echo","arguments":["\ud83d"]}` + "\x1e"), ""},
		{text(`{"type":1,"invocationId":"1","target":"Nope","arguments":["\ud83d"]}` + "\x1e"), unknown("Nope")},
		{text(`{"type":1,"invocationId":"1","target":"","arguments":[]}` + "\x1e"), unknown("")},
		{text(`{"type":4,"invocationId":"1","target":"","arguments":[]}` + "\x1e"), unknown("")},
		{text(`{"type":4,"invocationId":"","target":"Echo","arguments":[]}` + "\x1e"), ""},
		{text(`{"type":1,"invocationId":"1","target":"Echo","arguments":[1],"x\ud800":"\udc00"}` + "\x1e"), echoed},
		{binaryOf("{\"type\":1,\"invocationId\":\"1\",\"target\":\"Echo\",\"arguments\":[1],\"\xff\":\"\xfe\"}\x1e"), echoed},
		{text(`{"type":1,"invocationId":"1","target":"eCHO","arguments":[1]}` + "\x1e"), echoed},
		{text(`{"type":1,"invocationId":"1","target":"Voİd","arguments":[]}` + "\x1e"), unknown("Voİd")},
		{text(`{"type":6,"x":"\ud83d"}` + "\x1e"), ""},
		{text(`{"type":2,"invocationId":"9","item":"\ud83d"}` + "\x1e"), ""},
		{text(`{"type":6}{"type":6}` + "\x1e"), ""},
		{text(`{"type":6}` + "\x00\x1e"), ""},
		{text(fmt.Sprintf(call, "1")[:len(call)-2] + " x\x1e"), echoed},
		{text(fmt.Sprintf(call, "1")[:len(call)-2] + "}\x1e"), echoed},
		{text(strings.ReplaceAll(fmt.Sprintf(call, "1")+fmt.Sprintf(call, "1"), "}\x1e{", "} {")), echoed + " " + echoed},
		{text(`{"type":6}{"type":` + "\x1e"), malformed},
		{text(`{"type":1,"invocationId":"\ud83d","target":"Echo","arguments":[1]}` + "\x1e"), malformed},
		{text(`{"type":1,"invocationId":"1","target":"Echo","arguments":["\x"]}` + "\x1e"), malformed},
		{text("\ufeff{\"type\":6}\x1e"), malformed},
		{text(`{"type":3,"invocationId":"9","result":1,"error":"x"}` + "\x1e"), malformed},
		{text(`{"type":7,"error":5}` + "\x1e"), malformed},
	} {
		c := r.connect("json")
		if got := c.answers(tc.frame); got != tc.want {
			t.Errorf("%q is answered %s, want %s", tc.frame.Payload, got, tc.want)
		}
		_ = c.conn.Close()
	}
}

// A record with several messages must not pass by the limit of the rate.
func TestTolerance_MessagesOfARecordCountTowardsTheRate(t *testing.T) {
	r := newRig(t, Config{MessageRate: 10})
	c := r.connect("json")
	c.send(strings.Repeat(`{"type":6}`, 25) + "\x1e")
	c.send(aliveCall)
	conn := r.nextConn()
	c.expectText(`{"type":3,"invocationId":"alive"}`)
	if open := conn.server.now() - conn.openedAt; open < int64(rateBurst) {
		t.Errorf("25 messages, of 10 a second, took %d ns", open)
	}
}

func TestTolerance_MessagePack(t *testing.T) {
	failed := func(detail string) string {
		return "An unexpected error occurred invoking 'Echo' on the server. HubException: invalid: " + detail
	}
	for _, tc := range []struct{ name, in, want string }{
		{"four elements", "94 01 80 a1 31 a4 4563686f", failed("no arguments")},
		{"nil arguments", "95 01 80 a1 31 a4 4563686f c0", failed("the arguments are cut, or not an array")},
		{"a number for the arguments", "95 01 80 a1 31 a4 4563686f 05", failed("the arguments are cut, or not an array")},
		{"a map for the arguments", "96 01 80 a1 31 a4 4563686f 80 90", failed("the arguments are cut, or not an array")},
		{"arguments that are not there", "95 01 80 a1 31 a4 4563686f 9f 00", failed("the arguments are cut, or not an array")},
		{"more arguments than bytes", "95 01 80 a1 31 a4 4563686f dd ff ff ff ff", failed("the arguments are cut, or not an array")},
		{"a cut text", "95 01 80 a1 31 a4 4563686f 91 da 00 ff", failed("the arguments are cut, or not an array")},
		{"a cut extension", "95 01 80 a1 31 a4 4563686f 91 c9 ff ff ff ff 05", failed("the arguments are cut, or not an array")},
		{"the byte that nothing uses", "96 01 80 a1 31 a4 4563686f 91 c1 90", failed("the arguments are cut, or not an array")},
		{"not UTF-8", "96 01 80 a1 31 a4 4563686f 91 a1 ff 90", failed("argument 1: text that is not UTF-8")},
		{"half a pair", "96 01 80 a1 31 a4 4563686f 91 a3 ed a0 bd 90", failed("argument 1: text that is not UTF-8")},
		{"NaN", "96 01 80 a1 31 a4 4563686f 91 cb 7f f8 00 00 00 00 00 00 90", failed("argument 1: a number that is not finite")},
		{"an array as a key", "96 01 80 a1 31 a4 4563686f 91 81 90 01 90", failed("argument 1: a map with keys of type array")},
		{"nested too deep", "96 01 80 a1 31 a4 4563686f 91 " + strings.Repeat("91", 70) + "c0 90", failed("argument 1: nested more than 64 deep")},
		{"an empty target", "96 01 80 a1 31 a0 90 90", "Unknown hub method ''"},
		{"a target that is not UTF-8", "96 01 80 a1 31 a1 ff 90 90", "Unknown hub method '\ufffd'"},
		{"a stream call of four", "94 04 80 a1 31 a4 4563686f", "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation."},
		{"arguments of an unknown method", "95 01 80 a1 31 a1 58 05", "Unknown hub method 'X'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := decodePack(unhex(t, tc.in))
			if err != nil {
				t.Fatal("ends the connection:", err)
			}
			s := New(newEchoHub(), Config{})
			c := &Conn{server: s, protocol: MessagePack}
			answer, _ := c.answer(&m, s.method(m.target), 0)
			content, _, _ := nextPack(answer, 1<<20)
			got, _, err := msgp.ReadStringZC(content[len("\x95\x03\x80\xa11\x01"):])
			if err != nil || !strings.HasPrefix(string(got), tc.want) {
				t.Errorf("answered %q (%v), want %q", got, err, tc.want)
			}
		})
	}
	if m, err := decodePack(unhex(t, "93 02 80 a1 39")); err != nil || m.kind != kindStreamItem {
		t.Errorf("a stream item without an item: %+v, %v", m, err)
	}
}

func TestTolerance_Handshake(t *testing.T) {
	r := newRig(t, Config{})
	for request, ok := range map[string]bool{
		`{"protocol":"JSON","version":1}`:                    true,
		`{"protocol":"jSoN","version":1}`:                    true,
		`{"protocol":"foo","protocol":"json","version":1}`:   true,
		`{"protocol":"json","version":9,"version":1}`:        true,
		`{"protocol":"json","version":1}{}`:                  true,
		`{"protocol":"json","version":1} x`:                  true,
		`{"protocol":"json","version":1,"x":"\ud800"}`:       true,
		`{"protocol":"json","version":-2147483648}`:          true,
		"\n" + `{"protocol":"json","version":1}` + "\n":      true,
		"\ufeff" + `{"protocol":"json","version":1}`:         false,
		`{"protocol":"json ","version":1}`:                   false,
		`{"protocol":"\u017fon","version":1}`:                false,
		`{"protocol":"","version":1}`:                        false,
		`{"protocol":"json","version":1.0}`:                  false,
		`{"protocol":"json","version":1e0}`:                  false,
		`{"protocol":"json","version":true}`:                 false,
		`{"protocol":"json","version":99999999999999999999}`: false,
		`{"protocol":"json","version":1,}`:                   false,
	} {
		c := r.dial("")
		c.send(request + "\x1e")
		if got := string(c.read().Payload); (got == "{}\x1e") != ok {
			t.Errorf("%q is answered %q", request, got)
		}
		_ = c.conn.Close()
	}
	c := r.dial("")
	c.send(`{"protocol":"MessagePack","version":1}` + "\x1e")
	c.expect(ws.OpBinary, "{}\x1e")
}

func TestTolerance_Frames(t *testing.T) {
	const call, unanswered = `{"type":1,"invocationId":"é","target":"Void","arguments":[]}` + "\x1e", `{"type":6}` + "\x1e"
	const answer = `{"type":3,"invocationId":"é"}`
	in := strings.Index(call, "é") + 1
	closeFrame := func(payload string) ws.Frame { return begun(ws.OpClose, payload, true) }
	code := func(n uint16) ws.Frame { return closeFrame(string(binary.BigEndian.AppendUint16(nil, n))) }
	r := newRig(t, Config{})
	check := func(want string, frames ...ws.Frame) {
		t.Helper()
		c := r.connect("json")
		if got := c.answers(frames...); got != want {
			t.Errorf("%v: got %s, want %s", frames, got, want)
		}
		_ = c.conn.Close()
	}
	for _, n := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535} {
		check("1002", code(n))
	}
	for _, n := range []uint16{1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999} {
		check("1000", code(n))
	}
	check("1000", closeFrame(""))
	check("1000", closeFrame("\x03\xe8bye é"))
	check("1002", closeFrame("\x03"))
	check("1002", closeFrame("\x03\xe8\xff"))
	check("1002", closeFrame("\x03\xe8\xc3"))
	check("1002", closeFrame("\x03\xe8\xed\xa0\x80"))

	check("1007", text("\xff"))
	check("1007", text(unanswered+"\xc3"))
	check("1007", text(`{"type":6,"x":"`+"\xed\xa0\x80"+`"}`+"\x1e"))
	check("1007", text(`{"type":6,"x":"`+"\xc0\xaf"+`"}`+"\x1e"))
	check("1007", text(`{"type":6,"x":"`+"\xf4\x90\x80\x80"+`"}`+"\x1e"))
	check("1007", text(call[:in]), text(call[in:])) // each message must be whole text
	check("1007", text(call+"\xff"))                // and nothing of it is handled
	check(answer+" 1007", begun(ws.OpText, call, false), begun(ws.OpContinuation, "\xff", true))
	check("1007", begun(ws.OpText, "\xe2\x82", false), begun(ws.OpContinuation, "x", true))
	check("pong p "+answer, begun(ws.OpText, call[:in], false), ws.NewPingFrame([]byte("p")), begun(ws.OpContinuation, "", false), begun(ws.OpContinuation, call[in:], true))
	check(answer, binaryOf(call[:in]), binaryOf(call[in:]))
	smile := strings.Replace(call, `"arguments"`, `"x":"😀","arguments"`, 1)
	at := strings.Index(smile, "😀")
	pieces := []ws.Frame{begun(ws.OpText, smile[:at+1], false)}
	for i := 1; i < 4; i++ {
		pieces = append(pieces, begun(ws.OpContinuation, smile[at+i:at+i+1], false))
	}
	check(answer, append(pieces, begun(ws.OpContinuation, smile[at+4:], true))...)
}

// However a text is cut into pieces, it is checked as a whole.
func FuzzTextCheck(f *testing.F) {
	f.Add([]byte("é€😀"), []byte{0})
	f.Add([]byte("a\xf0\x9f\x98"), []byte{1, 0})
	f.Add([]byte("\xed\xa0\x80"), []byte{0, 5})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		var check textCheck
		var err error
		rest := data
		for i := 0; err == nil && len(rest) > 0; i++ {
			n := len(rest)
			if len(cuts) > 0 {
				n = min(n, int(cuts[i%len(cuts)])+1)
			}
			err = check.next(rest[:n], n == len(rest))
			rest = rest[n:]
		}
		if want := slices.Equal([]byte(strings.ToValidUTF8(string(data), "")), data); (err == nil) != want {
			t.Errorf("%q cut at %v: %v", data, cuts, err)
		}
	})
}

// Headers that are lists may contain more than what matters, in several lines.
func TestTolerance_UpgradeHeaders(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	c := newCluster(t, Config{}, "aa")
	for _, tc := range []struct {
		connection, upgrade, version, key []string
		status                            int
	}{
		{[]string{"Upgrade"}, []string{"websocket"}, []string{"13"}, []string{key}, 101},
		{[]string{"keep-alive, Upgrade"}, []string{"WebSocket"}, []string{" 13 "}, []string{key}, 101},
		{[]string{"keep-alive", "UPGRADE"}, []string{"h2c", "websocket"}, []string{"8", "13"}, []string{key}, 101},
		{[]string{", upgrade,"}, []string{"h2c, websocket"}, []string{"13, 8"}, []string{key}, 101},
		{[]string{"upgrades"}, []string{"websocket"}, []string{"13"}, []string{key}, 400},
		{[]string{"keep-alive"}, []string{"websocket"}, []string{"13"}, []string{key}, 400},
		{[]string{"Upgrade"}, []string{"websocket/13"}, []string{"13"}, []string{key}, 400},
		{[]string{"Upgrade"}, []string{"websocket"}, []string{"8"}, []string{key}, 400},
		{[]string{"Upgrade"}, []string{"websocket"}, []string{"013"}, []string{key}, 400},
		{[]string{"Upgrade"}, []string{"websocket"}, nil, []string{key}, 400},
		{[]string{"Upgrade"}, []string{"websocket"}, []string{"13"}, []string{key, key}, 400},
		{[]string{"Upgrade"}, []string{"websocket"}, []string{"13"}, []string{"!!!!!!!!!!!!!!!!!!!!!!=="}, 400},
		{[]string{"Upgrade"}, []string{"websocket"}, []string{"13"}, []string{"AAAAAAAAAAAAAAAAAAAAAAAA"}, 400},
		{[]string{"Upgrade"}, []string{"websocket"}, []string{"13"}, nil, 400},
	} {
		for name, base := range map[string]string{"a hub": c.nodes[0].http.URL, "a node in front": c.front(t, "aa").http.URL} {
			req, err := http.NewRequest("GET", base+"/hub", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"Connection": tc.connection, "Upgrade": tc.upgrade, "Sec-Websocket-Version": tc.version, "Sec-Websocket-Key": tc.key}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tc.status {
				t.Errorf("%v at %s: %d, want %d", req.Header, name, resp.StatusCode, tc.status)
			}
		}
	}
}

// A failed attempt must not use up the token.
func TestTolerance_BadUpgradeKeepsTheToken(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("GET", suffix, "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "8"), 400, "")
	r.dial(suffix)
}

func TestTolerance_Accept(t *testing.T) {
	for accept, want := range map[string]bool{
		"text/event-stream": true, "TEXT/EVENT-STREAM": true, " Text/Event-Stream ": true, "*/*|text/event-stream": true,
		"text/html, text/event-stream;q=0.9": true, "text/event-stream; charset=utf-8": true,
		"text/event-streams": false, "text/event-stream;q=0": false, "*/*": false, "Text": false, "": false,
	} {
		r := &http.Request{Header: http.Header{"Accept": strings.Split(accept, "|")}}
		if got := wantsEvents(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

func TestTolerance_NegotiateVersion(t *testing.T) {
	r := newRig(t, Config{})
	const nonInteger = `{"error":"The client requested a non-integer protocol version."}`
	for query, want := range map[string]string{
		"": `"negotiateVersion":0`, "negotiateVersion=0": `"negotiateVersion":0`, "negotiateVersion=%201": `"negotiateVersion":1`,
		"negotiateVersion=%2B1": `"negotiateVersion":1`, "negotiateVersion=+1%09": `"negotiateVersion":1`, "NEGOTIATEVERSION=007": `"negotiateVersion":1`,
		"negotiateVersion=2147483647": `"negotiateVersion":1`, "negotiateVersion=1&negotiateVersion=": `"negotiateVersion":1`,
		"negotiateVersion=2147483648": nonInteger, "negotiateVersion=": nonInteger, "negotiateVersion=1&negotiateVersion=1": nonInteger,
		"negotiateVersion=1&negotiateversion=0": nonInteger, "negotiateVersion=1_0": nonInteger, "negotiateVersion=1.0": nonInteger,
		"negotiateVersion=-1": `{"error":"The client requested version '-1', but the server does not support this version."}`,
	} {
		if a := r.do("POST", "/negotiate?"+query, ""); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%q is answered %d %s, want %s", query, a.status, a.body, want)
		}
	}
}

// A body with a content coding would be taken for messages: it is refused, and the connection goes on.
func TestTolerance_ContentCoding(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	for coding, status := range map[string]int{
		"gzip": 415, "br": 415, "gzip, identity": 415, "identity, gzip": 415, "aws-chunked": 415, "identity": 200, "IDENTITY": 200, "": 200,
	} {
		if a := r.do("POST", p.suffix, `{"type":6}`+"\x1e", "Content-Encoding", coding); a.status != status {
			t.Errorf("%q is answered %d %q", coding, a.status, a.body)
		}
	}
	r.want(r.do("POST", p.suffix, "", "Content-Encoding", "gzip"), 200, "")
	early := "?id=" + r.negotiate()
	r.want(r.do("POST", early, jsonHandshake, "Content-Encoding", "gzip"), 415, "")
}
