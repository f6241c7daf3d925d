package signalr

import (
	"errors"
	"strings"
	"testing"
)

func TestProtocol_DecodesJSON(t *testing.T) {
	d := newJSONDecoder()
	for _, tc := range []struct {
		in, id, target, args string
		kind                 kind
		streams              int
	}{
		{in: `{"type":1,"target":"SendMessage","arguments":["bob","hi"]}`, kind: kindInvocation, target: "SendMessage", args: `"bob"|"hi"`},
		{in: `{"arguments":[{"a":[1, 2]}],"invocationId":"0","target":"X","type":1}`, kind: kindInvocation, id: "0", target: "X", args: `{"a":[1, 2]}`},
		{in: `{"type":1,"invocationId":"x","target":"T","arguments":[],"streamIds":["1","2"],"headers":{"a":"b"},"later":1}`, kind: kindInvocation, id: "x", target: "T", streams: 2},
		{in: `{"type":1,"invocationId":null,"target":"T","arguments":[null],"streamIds":null}`, kind: kindInvocation, target: "T", args: `null`},
		{in: `{"type":1,"invocationId":"","target":"T","arguments":[]}`, kind: kindInvocation, target: "T"},
		{in: `{"type":1,"target":"A","target":"B","arguments":[1],"arguments":[{"k":1,"k":2}]}`, kind: kindInvocation, target: "B", args: `{"k":1,"k":2}`},
		{in: `{"\u0074ype":1,"invocationId":"\u00e9\ud83d\ude00\"","target":"日本","arguments":["\ud83d\ude00"]}`, kind: kindInvocation, id: "é😀\"", target: "日本", args: `"\ud83d\ude00"`},
		{in: `{"type":4,"invocationId":"2","target":"Counter","arguments":[5]}`, kind: kindStreamInvocation, id: "2", target: "Counter", args: "5"},
		{in: `{"type":2,"invocationId":"1","item":42}`, kind: kindStreamItem, id: "1"},
		{in: `{"type":3,"invocationId":"0","result":42}`, kind: kindCompletion, id: "0"},
		{in: `{"type":5,"invocationId":"2"}`, kind: kindCancel, id: "2"},
		{in: ` { "type" : 6 } `, kind: kindPing},
		{in: `{"type":7,"error":"x","allowReconnect":true}`, kind: kindClose},
		{in: `{"type":8,"sequenceId":1394}`, kind: kindAck},
		{in: `{"type":9,"sequenceId":1234}`, kind: kindSequence},
		{in: `{"type":99}`, kind: kindUnknown},
		{in: `{"type":-1}`, kind: kindUnknown},
	} {
		m, err := JSON.decode(d, []byte(tc.in))
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		var args []string
		for _, a := range m.args {
			args = append(args, string(a))
		}
		if got := strings.Join(args, "|"); m.kind != tc.kind || m.id != tc.id || m.target != tc.target || got != tc.args || m.streams != tc.streams {
			t.Errorf("%s: got %+v, args %s", tc.in, m, got)
		}
	}
}

func TestProtocol_RefusesMalformedJSON(t *testing.T) {
	d := newJSONDecoder()
	for _, in := range []string{
		``, `{`, `[]`, `null`, `1`, `{}`, `{"type":"1"}`, `{"type":1.5}`,
		`{"type":99999999999999999999}`, `{"type":1,"target":"X"}`, `{"type":1,"arguments":[]}`, `{"type":1,"target":null,"arguments":[]}`,
		`{"type":1,"target":5,"arguments":[]}`, `{"type":1,"target":"X","arguments":{}}`, `{"type":1,"target":"X","arguments":[1,]}`,
		`{"type":1,"target":"X","arguments":[}`, `{"type":1,"invocationId":7,"target":"X","arguments":[]}`,
		`{"type":1,"target":"X","arguments":[],"streamIds":"1"}`, `{"type":4,"target":"X","arguments":[]}`, `{"type":3}`, `{"type":2,"item":1}`, `{"type":5}`,
		`{"type":1,"target":"\ud800","arguments":[]}`, `{"type":1,"invocationId":"\udc00","target":"X","arguments":[]}`,
		"{\"type\":1,\"target\":\"\xff\",\"arguments\":[]}", `{"type":1,"target":"X","arguments":[],"streamIds":["\ud800"]}`,
		`{"type":1,"target":"X","arguments":[],"streamIds":[1]}`, `{"type":1,"target":"X","arguments":["\x"]}`, "{\"type\":6\xff}",
		`{"type":2,"invocationId":"1"}`, `{"type":2,"invocationId":"","item":1}`, `{"type":3,"invocationId":"1","result":1,"error":"x"}`,
		`{"type":3,"invocationId":"1","error":5}`, `{"type":3,"invocationId":"1","error":null}`, `{"type":7,"error":"\ud800"}`,
		`{"type":7,"error":null}`, `{"type":7,"allowReconnect":null}`, `{"type":8}`, `{"type":9,"sequenceId":"1"}`, `{"type":9,"sequenceId":1.0}`,
	} {
		if m, err := JSON.decode(d, []byte(in)); !errors.Is(err, errMalformed) {
			t.Errorf("%s: got %+v, %v", in, m, err)
		}
	}
}

func TestProtocol_EncodesJSON(t *testing.T) {
	result, err := JSON.appendResult(nil, "0", map[string]any{"a": "<é\u2028\n", "n": int64(9007199254740993)})
	if err != nil {
		t.Fatal(err)
	}
	void, _ := JSON.appendResult(nil, `"\`, nil)
	for _, tc := range []struct{ got, want string }{
		{string(JSON.AppendInvocation([]byte("+"), "ReceiveMessage", []byte(`{"a":1}`), []byte(`2`))), `+{"type":1,"target":"ReceiveMessage","arguments":[{"a":1},2]}` + "\x1e"},
		{string(JSON.AppendInvocation(nil, "X")), `{"type":1,"target":"X","arguments":[]}` + "\x1e"},
		{string(result), `{"type":3,"invocationId":"0","result":{"a":"<é\u2028\n","n":9007199254740993}}` + "\x1e"},
		{string(void), `{"type":3,"invocationId":"\"\\"}` + "\x1e"},
		{string(JSON.appendError(nil, "1", "te\x1ext")), `{"type":3,"invocationId":"1","error":"te\u001ext"}` + "\x1e"},
		{string(JSON.appendClose(nil, "", false)), `{"type":7}` + "\x1e"},
		{string(JSON.appendClose(nil, "x", true)), `{"type":7,"error":"x","allowReconnect":true}` + "\x1e"},
		{JSON.ping(), `{"type":6}` + "\x1e"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}
