package signalr

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// FuzzJSON checks that every decoded message is complete, and that its arguments, if they are given to a method, are valid and
// unchanged.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"type":1,"invocationId":"0","target":"Echo","arguments":["a",{"b":[1,null]}],"streamIds":["1"]}`, `{"type":6}`, `{"type":7,"error":"x"}`,
		`{"type":3,"invocationId":"1","result":1}`, `{"type":1,"target":"\ud83d\ude00","arguments":["\ud800"]}`, `{"type":1e2}`, `[`, "\xff",
		`{"type":6}{"type":1,"target":"","arguments":["\udc00"]}`, `{"type":1,"target":"A","arguments":["\ud83d\ude00",{"\ud83d":1}],"\ud800":1} x`,
		`{"type":1,"type":4,"invocationId":"1","target":"A","target":"B","arguments":[1],"arguments":[[[[[]]]]],"streamIds":null}`,
		`{"type":1,"target":"A","arguments":[` + strings.Repeat("0,", 2*maxArgs) + `0],"streamIds":["a","b"]}`, strings.Repeat(`{"a":`, 300), strings.Repeat("[", 300),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		original := bytes.Clone(b)
		m, err := JSON.decode(newJSONDecoder(), b)
		if !bytes.Equal(b, original) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		checkMessage(t, m)
		if !bytes.HasSuffix(b, m.rest) || len(m.rest) == len(b) {
			t.Fatalf("%q leaves %q", b, m.rest)
		}
	})
}

// FuzzMessagePack checks that no input panics, allocates without limit, or yields arguments that are not JSON.
func FuzzMessagePack(f *testing.F) {
	for _, s := range []string{
		"\x95\x01\x80\xa1\x30\xabSendMessage\x92\xa3bob\xa2hi", "\x96\x04\x80\xa1\x31\xa1S\x90\x91\xa1\x32", "\x91\x06", "\x92\x07\xc0", "\x92\x08\xcd\x01\x2c",
		"\x95\x01\x80\xc0\xa1S\x91\xdd\xff\xff\xff\xff", "\x95\x01\x80\xc0\xa1S\x92\xd6\xff\x00\x00\x00\x01\xc7\x03\x2a\x01\x02\x03",
		"\x95\x01\x80\xc0\xa1S\x93\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\x81\x01\x02\xc4\x01\x00",
		"\x95\x01\x80\xc0\xa1S\x91\xdf\xff\xff\xff\xff", "\x95\x01\x80\xc0\xa1S\x91\xc9\xff\xff\xff\xff\x05", "\x96\x01\x80\xc0\xa1S\x90\xdd\xff\xff\xff\xff",
		"\x95\x01\x80\xc0\xa1S\xdc\x00\xc8" + strings.Repeat("\x01", 200), "\x95\x01\x80\xc0\xa1S\x91" + strings.Repeat("\x91", 100) + "\xc0", "\x95\x01" + strings.Repeat("\x81\xc0", 100),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := MessagePack.decode(nil, b)
		if err != nil {
			return
		}
		checkMessage(t, m)
		for _, a := range m.args {
			if packed, err := appendJSONAsPack(nil, a); err != nil {
				t.Fatalf("%s cannot go back: %v", a, err)
			} else if _, rest, err := appendPackAsJSON(nil, packed, 0); err != nil || len(rest) > 0 {
				t.Fatalf("%s cannot come again: %v", a, err)
			}
		}
	})
}

func checkMessage(t *testing.T, m message) {
	t.Helper()
	if m.kind < kindUnknown || m.kind > kindSequence || m.kind.needsID() && !m.kind.calls() && m.id == "" || !utf8.ValidString(m.target) {
		t.Fatalf("incomplete: %+v", m)
	}
	if m.argErr != nil {
		return // the method does not get them
	}
	for _, a := range m.args {
		if !json.Valid(a) || !utf8.Valid(a) {
			t.Fatalf("argument %q", a)
		}
	}
}

// FuzzInbox checks that messages are the same however their bytes are cut, and that none is longer than the limit.
func FuzzInbox(f *testing.F) {
	f.Add([]byte("{}\x1e{\"type\":6}\x1e"), []byte{1, 2, 3}, false)
	f.Add([]byte("\x02\x91\x06\x00\x03\x92\x07\xc0\x85\x00"), []byte{1}, true)
	f.Add([]byte("\xff\xff\xff\xff\x07"), []byte{2}, true)
	f.Add(bytes.Repeat([]byte(" "), 200), []byte{20}, false)
	f.Fuzz(func(t *testing.T, data, cuts []byte, pack bool) {
		p, limit := JSON, 50
		if pack {
			p = MessagePack
		}
		whole, wholeErr := split(p, limit, data, nil)
		cut, cutErr := split(p, limit, data, cuts)
		if strings.Join(whole, "|") != strings.Join(cut, "|") || (wholeErr == nil) != (cutErr == nil) {
			t.Fatalf("%q, %v became %q, %v", whole, wholeErr, cut, cutErr)
		}
		for _, m := range whole {
			if len(m) > limit {
				t.Fatalf("message of %d bytes", len(m))
			}
		}
	})
}

// split passes data through an inbox in pieces of the sizes given, over and over.
func split(p Protocol, limit int, data, cuts []byte) (messages []string, err error) {
	var in inbox
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if len(cuts) > 0 {
			n = min(n, int(cuts[i%len(cuts)])+1)
		}
		piece := bytes.Clone(data[:n])
		data = data[n:]
		for len(piece) > 0 {
			content, rest, found, err := in.next(p, limit, piece, endless{})
			if err != nil {
				return messages, err
			}
			if !found {
				break
			}
			messages, piece = append(messages, string(content)), rest
		}
		clear(piece) // the caller uses its buffer again
	}
	return messages, nil
}

// FuzzFrames checks that frames are the same however their bytes are cut, and the same as another WebSocket library reads.
func FuzzFrames(f *testing.F) {
	for _, frame := range []ws.Frame{
		ws.NewTextFrame([]byte("hello")), ws.NewFrame(ws.OpBinary, false, make([]byte, 200)), ws.NewPingFrame([]byte("p")),
		ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")), ws.NewFrame(ws.OpContinuation, true, nil), ws.NewBinaryFrame(make([]byte, 70_000)),
		ws.NewFrame(ws.OpText, false, nil), ws.NewTextFrame([]byte{0}), ws.NewPongFrame(make([]byte, 125)),
	} {
		b, err := ws.CompileFrame(ws.MaskFrame(frame))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte{0, 3})
		f.Add(append(bytes.Clone(b), b...), []byte{200})
	}
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		whole, wholeErr := unframe(data, nil)
		cut, cutErr := unframe(data, cuts)
		if whole != cut || !errors.Is(cutErr, wholeErr) {
			t.Fatalf("%q, %v became %q, %v", whole, wholeErr, cut, cutErr)
		}
		if wholeErr == nil {
			in := bytes.NewReader(data)
			for fr, err := ws.ReadFrame(in); err == nil; fr, err = ws.ReadFrame(in) {
				ws.Cipher(fr.Payload, fr.Header.Mask, 0)
				if !strings.Contains(whole, string(fr.Payload)) {
					t.Fatalf("%q lacks %q", whole, fr.Payload)
				}
			}
		}
	})
}

// unframe returns data bytes as they are and control frames in brackets.
func unframe(data, cuts []byte) (string, error) {
	var (
		r   frameReader
		all strings.Builder
		ctl strings.Builder
	)
	data = bytes.Clone(data)
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if len(cuts) > 0 {
			n = min(n, int(cuts[i%len(cuts)])+1)
		}
		piece := data[:n]
		data = data[n:]
		for len(piece) > 0 {
			op, payload, rest, whole, err := r.next(piece)
			if err != nil {
				return all.String() + ctl.String(), err
			}
			if piece = rest; !whole {
				continue
			}
			if op.IsControl() {
				ctl.WriteString("[" + string(payload) + "]")
			} else {
				all.Write(payload)
			}
		}
	}
	return all.String() + ctl.String(), nil
}

// FuzzServer checks that any request gets an answer that is not a server error, and leaves no connection open.
func FuzzServer(f *testing.F) {
	f.Add("POST", "/hub/negotiate", "negotiateVersion=1", "", "https://a")
	f.Add("GET", "/hub", "id=x", "text/event-stream", "")
	f.Add("POST", "/hub", "ID=", "", "null")
	f.Add("DELETE", "/hub", "id=%zz", "", "::")
	f.Add("OPTIONS", "/hub", "", "", "http://h")
	f.Add("GET", "/hub", "a=1;b", "*/*", "http://[")
	f.Add("GET", "/hub", "id=aa.0123456789012345678901&access_token=x", "text/event-stream", "https://h")
	f.Add("POST", "/hub/negotiate", "negotiateVersion=-9223372036854775809", "", "http://h@h")
	f.Fuzz(func(t *testing.T, method, path, query, accept, origin string) {
		hub := newEchoHub()
		s := New(hub, Config{})
		defer s.Close()
		r := &http.Request{Method: method, Host: "h", URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{
			"Accept": {accept}, "Origin": {origin}, "Access-Control-Request-Method": {"GET"},
		}, Body: http.NoBody}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 {
			t.Fatalf("status %d", w.Code)
		}
	})
}

// FuzzConversation checks that the hub's session is closed once, and that the server ends, whatever a client sends over a
// long polling connection.
func FuzzConversation(f *testing.F) {
	f.Add([]byte(jsonHandshake+`{"type":1,"invocationId":"0","target":"Echo","arguments":[1]}`+"\x1e"), false)
	f.Add([]byte("\x0c\x95\x01\x80\xa1\x30\xa4Echo\x91\xc3\x02\x91\x06\x03\x92\x07\xc0"), true)
	f.Add([]byte("\x0c\x95\x01\x80\xa1\x30\xa4Echo\x91\xdf\xff\xff\xff\xff"), true)
	f.Add([]byte("{\x1e"), false)
	f.Fuzz(func(t *testing.T, data []byte, pack bool) {
		hub := newEchoHub()
		s := New(hub, Config{MessageRate: -1})
		token := newSecret()
		s.registry.reserve(s, token, Identity{Name: ""})
		target := "/hub?id=" + token
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
		if pack {
			data = append([]byte(`{"protocol":"messagepack","version":1}`+"\x1e"), data...)
		}
		if bytes.Contains(bytes.ToLower(data), []byte("block")) {
			return // would wait for the end of the connection
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("POST", target, bytes.NewReader(data)))
		if w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
		s.Close()
		if connected := int32(len(hub.conns)); connected != hub.closes.Load() {
			t.Fatalf("%d sessions, %d closed", connected, hub.closes.Load())
		}
	})
}
