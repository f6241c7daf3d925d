package signalr

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes are those that the JavaScript client sends.
func TestProtocol_DecodesMessagePack(t *testing.T) {
	for _, tc := range []struct {
		in, id, target, args string
		kind                 kind
		streams              int
	}{
		{in: "19 95 01 80 a1 30 ab 53656e644d657373616765 92 a3 626f62 a2 6869", kind: kindInvocation, id: "0", target: "SendMessage", args: `"bob"|"hi"`},
		{in: "18 95 01 80 c0 ab 53656e644d657373616765 92 a3 626f62 a2 6869", kind: kindInvocation, target: "SendMessage", args: `"bob"|"hi"`},
		{in: "18 95 01 80 a0 ab 53656e644d657373616765 92 a3 626f62 a2 6869", kind: kindInvocation, target: "SendMessage", args: `"bob"|"hi"`},
		{in: "0b 96 04 80 a1 31 a1 53 90 91 a1 32", kind: kindStreamInvocation, id: "1", target: "S", streams: 1},
		{in: "0d 97 01 81 a1 61 a1 62 c0 a1 53 90 90 c3", kind: kindInvocation, target: "S"},
		{in: "08 96 01 80 c0 a1 53 90 c0", kind: kindInvocation, target: "S"},
		{in: "06 94 02 80 a1 32 01", kind: kindStreamItem, id: "2"},
		{in: "06 94 03 80 a1 32 02", kind: kindCompletion, id: "2"},
		{in: "07 95 03 80 a1 32 03 01", kind: kindCompletion, id: "2"},
		{in: "05 93 05 80 a1 31", kind: kindCancel, id: "1"},
		{in: "02 91 06", kind: kindPing},
		{in: "03 92 07 c0", kind: kindClose},
		{in: "05 92 08 cd 01 2c", kind: kindAck},
		{in: "03 92 09 01", kind: kindSequence},
		{in: "03 92 20 01", kind: kindUnknown},
	} {
		raw := unhex(t, tc.in)
		content, size, err := MessagePack.next(raw, 1000)
		if err != nil || size != len(raw) {
			t.Errorf("%s: next: %d, %v", tc.in, size, err)
			continue
		}
		m, err := MessagePack.decode(nil, content)
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

func TestProtocol_RefusesMalformedMessagePack(t *testing.T) {
	for _, in := range []string{
		"", "c0", "80", "90", "91 a1 31", "91 01", "93 01 80 c0", "95 01 80 c0 c0 90", "95 01 80 05 a1 53 90", "95 01 80 c0 c4 01 53 90",
		"95 01 df ff ff ff ff", "95 01 80 db ff ff ff ff", "96 01 80 c0 a1 53 90 dd 00 10 00 00", "96 01 80 c0 a1 53 90 91 05",
		"96 01 80 c0 a1 53 90 91 c0", "95 04 80 c0 a1 53 90", "93 05 80 c0", "dd ff ff ff ff 01",
		"93 03 80 a1 31", "94 03 80 a1 31 03", "94 03 80 a1 31 09", "95 03 80 a1 31 01 05", "94 03 80 a1 31 a1 78",
		"91 07", "92 07 05", "93 07 c0 05", "91 08", "92 08 a1 78", "92 09 cb 3f f0 00 00 00 00 00 00",
	} {
		if m, err := decodePack(unhex(t, in)); !errors.Is(err, errMalformed) {
			t.Errorf("%s: got %+v, %v", in, m, err)
		}
	}
}

func TestProtocol_RefusesLengthsBeforeAllocating(t *testing.T) {
	for in, want := range map[string]error{
		"ff ff ff ff 07": errTooLarge, "65": errTooLarge, "ff ff ff ff 7f": errTooLarge, "ff ff ff ff ff": errMalformed,
		"ff ff ff ff ff 01": errMalformed, "64": nil, "80": nil, "": nil,
	} {
		if _, size, err := MessagePack.next(unhex(t, in), 100); size != 0 || !errors.Is(err, want) {
			t.Errorf("%s: %d, %v, want %v", in, size, err, want)
		}
	}
	deep := append([]byte{0x95, 1, 0x80, 0xc0, 0xa1, 'S', 0x91}, []byte(strings.Repeat("\x91", 200_000)+"\x01")...)
	if m, err := decodePack(deep); err != nil || m.argErr == nil {
		t.Errorf("deep nesting: %v, %v", err, m.argErr)
	}
}

func TestProtocol_EncodesMessagePack(t *testing.T) {
	result, err := MessagePack.appendResult(nil, "0", map[string]any{"n": 300})
	if err != nil {
		t.Fatal(err)
	}
	void, _ := MessagePack.appendResult(nil, "0", nil)
	for _, tc := range []struct {
		got  []byte
		want string
	}{
		{MessagePack.AppendInvocation(nil, "X", []byte{0x01}, []byte{0xc3}), "0a 96 01 80 c0 a1 58 92 01 c3 90"},
		{result, "0c 95 03 80 a1 30 03 81 a1 6e cd 01 2c"},
		{void, "06 94 03 80 a1 30 02"},
		{MessagePack.appendError(nil, "0", "e"), "08 95 03 80 a1 30 01 a1 65"},
		{MessagePack.appendClose(nil, "", true), "04 93 07 c0 c3"},
		{MessagePack.appendClose(nil, "e", false), "05 93 07 a1 65 c2"},
		{[]byte(MessagePack.ping()), "02 91 06"},
	} {
		if want := unhex(t, tc.want); string(tc.got) != string(want) {
			t.Errorf("got % x, want % x", tc.got, want)
		}
	}
	long := MessagePack.AppendInvocation([]byte("+"), strings.Repeat("t", 300), make([]byte, 70_000))
	content, size, err := MessagePack.next(long[1:], 1<<20)
	if err != nil || size != len(long)-1 || len(content) != size-3 {
		t.Errorf("long invocation: %d of %d, %v", size, len(long)-1, err)
	}
}

func TestTranscode_KeepsValues(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `false`, `0`, `-1`, `127`, `-33`, `255`, `65536`, `9007199254740993`, `-9223372036854775808`, `18446744073709551615`,
		`1.5`, `""`, `"é😀\u2028\u0000"`, `[]`, `{}`, `[1,[2,[3]],{"a":[{}]}]`,
		`[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]`, `{"id":"x","seq":12,"nested":{"k":[true,null]}}`,
	} {
		packed, err := appendJSONAsPack(nil, []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		back, rest, err := appendPackAsJSON(nil, packed, 0)
		if err != nil || len(rest) != 0 {
			t.Errorf("%s: % x: %v", text, packed, err)
			continue
		}
		var want, got any
		if json.Unmarshal([]byte(text), &want) != nil || json.Unmarshal(back, &got) != nil || mustJSON(t, want) != mustJSON(t, got) {
			t.Errorf("%s became %s", text, back)
		}
		if !strings.Contains(text, `\u`) && string(back) != text {
			t.Errorf("%s became %s", text, back)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTranscode_TakesWhatJSONLacks(t *testing.T) {
	for in, want := range map[string]string{
		"c4 03 01 02 ff":                               `"AQL/"`,
		"d6 ff 00 00 00 01":                            `"1970-01-01T00:00:01Z"`,
		"d7 ff 77 35 94 00 00 00 00 01":                `"1970-01-01T00:00:01.5Z"`,
		"c7 0c ff 00 00 00 00 00 00 00 00 00 00 00 02": `"1970-01-01T00:00:02Z"`,
		"d4 05 07":                   `"Bw=="`,
		"c7 03 2a 01 02 03":          `"AQID"`,
		"c8 00 01 2a 09":             `"CQ=="`,
		"c9 00 00 00 01 2a 09":       `"CQ=="`,
		"cb 40 45 00 00 00 00 00 00": `42`,
		"ca 3f c0 00 00":             `1.5`,
		"cb 80 00 00 00 00 00 00 00": `0`,
		"cb 43 40 00 00 00 00 00 00": `9007199254740992`,
		"cb 43 40 00 00 00 00 00 01": `9.007199254740994e+15`,
		"81 01 02":                   `{"1":2}`,
		"cf ff ff ff ff ff ff ff ff": `18446744073709551615`,
	} {
		got, rest, err := appendPackAsJSON(nil, unhex(t, in), 0)
		if err != nil || len(rest) > 0 || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"a2 ff fe", "cb 7f f8 00 00 00 00 00 00", "cb 7f f0 00 00 00 00 00 00", "81 c3 01", "81 90 01", "d7 ff ff ff ff ff 00 00 00 01"} {
		if got, _, err := appendPackAsJSON(nil, unhex(t, in), 0); err == nil {
			t.Errorf("%s: taken as %s", in, got)
		}
	}
	if msgp.NextType([]byte{0xc1}) != msgp.InvalidType {
		t.Error("c1 is no type")
	}
}
