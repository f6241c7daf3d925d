package signalr

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// encoded is a message as a client sends it.
type encoded struct {
	p    Protocol
	text []byte
}

// hostileMessages are about as large as a message may be, and constructed to cost more memory than that.
func hostileMessages() map[string]encoded {
	const size = 256 << 10
	call := func(args string) encoded {
		return encoded{JSON, []byte(`{"type":1,"invocationId":"1","target":"Echo","arguments":` + args + `}`)}
	}
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (size-200-len(before)-len(after))/len(unit)) + after
	}
	pack := func(args []byte) encoded {
		return encoded{MessagePack, append([]byte{0x95, byte(kindInvocation), 0x80, 0xa1, '1', 0xa4, 'E', 'c', 'h', 'o'}, args...)}
	}
	list := func(unit string) []byte { // an array of n arguments
		n := (size - 200) / len(unit)
		return append(binary.BigEndian.AppendUint32([]byte{0xdd}, uint32(n)), strings.Repeat(unit, n)...)
	}
	one := func(b ...byte) []byte { return append([]byte{0x91}, b...) }
	long := strings.Repeat("\x01", size-200)
	return map[string]encoded{
		"JSON nested arrays":     call(fill("[", "[", "")),
		"JSON nested objects":    call(fill("[", `{"a":`, "")),
		"JSON 100,000 levels":    call("[" + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "]"),
		"JSON many arguments":    call(fill("[", "1,", "1]")),
		"JSON repeated names":    {JSON, []byte(fill("{", `"type":6,`, `"type":6}`))},
		"JSON repeated lists":    {JSON, []byte(fill("{", `"arguments":[1],`, `"type":6}`))},
		"JSON object of names":   call(fill("[{", `"a":1,`, `"a":1}]`)),
		"JSON long string":       call(fill(`["`, "x", `"]`)),
		"JSON escapes":           call(fill(`["`, `\u0001`, `"]`)),
		"JSON half a surrogate":  call(fill(`["`, `\ud83d`, `"]`)),
		"JSON long number":       call(fill("[", "9", "]")),
		"JSON exponent":          call(fill("[1e", "9", "]")),
		"JSON white space":       call(fill("[", " ", "]")),
		"JSON many streams":      {JSON, []byte(fill(`{"type":1,"target":"X","arguments":[],"streamIds":[`, `"",`, `""]}`))},
		"JSON long target":       {JSON, []byte(fill(`{"type":1,"arguments":[],"target":"`, "X", `"}`))},
		"JSON long type":         {JSON, []byte(fill(`{"type":`, "1", `}`))},
		"pack nested arrays":     pack(one([]byte(strings.Repeat("\x91", size-200) + "\xc0")...)),
		"pack nested maps":       pack(one([]byte(strings.Repeat("\x81\xa1a", 100_000) + "\xc0")...)),
		"pack nested headers":    {MessagePack, append([]byte{0x95, 1}, strings.Repeat("\x81\xc0", 100_000)...)},
		"pack many arguments":    pack(list("\x01")),
		"pack largest numbers":   pack(one(list("\xd3\x80\x00\x00\x00\x00\x00\x00\x00")...)),
		"pack floats":            pack(one(list("\xcb\x00\x00\x00\x00\x00\x00\x00\x01")...)),
		"pack inner list":        pack(one(list("\x01")...)),
		"pack times":             pack(one(list("\xd6\xff\x00\x00\x00\x00")...)),
		"pack short binaries":    pack(one(list("\xc4\x00")...)),
		"pack short extensions":  pack(one(list("\xd4\x05\x00")...)),
		"pack string":            pack(one(msgp.AppendString(nil, long)...)),
		"pack binary":            pack(one(msgp.AppendBytes(nil, []byte(long))...)),
		"pack claimed array":     pack([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}),
		"pack claimed map":       pack(one(0xdf, 0xff, 0xff, 0xff, 0xff)),
		"pack claimed inner":     pack(one([]byte(strings.Repeat("\xdd\x00\x01\x00\x00", 50_000))...)),
		"pack claimed string":    pack(one(0xdb, 0xff, 0xff, 0xff, 0xff)),
		"pack claimed binary":    pack(one(0xc6, 0xff, 0xff, 0xff, 0xff)),
		"pack claimed extension": pack(one(0xc9, 0xff, 0xff, 0xff, 0xff, 5)),
		"pack claimed streams":   {MessagePack, append(pack([]byte{0x90, 0xdd, 0xff, 0xff, 0xff, 0xff}).text[:0:0], "\x96\x01\x80\xc0\xa1S\x90\xdd\xff\xff\xff\xff"...)},
		"pack claimed message":   {MessagePack, []byte("\xdd\xff\xff\xff\xff\x01\x80\xc0\xa1S\x90")},
	}
}

func TestProtocol_HostileMessagesCostLittle(t *testing.T) {
	const maxAlloc, maxTime = 32 * 256 << 10, time.Second // time enough for a busy machine with the race detector
	d := newJSONDecoder()
	for name, m := range hostileMessages() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, _ = m.p.decode(d, m.text) // other tests say which of these are refused
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if alloc := after.TotalAlloc - before.TotalAlloc; alloc > maxAlloc || took > maxTime {
			t.Errorf("%s: %d bytes took %s and %d bytes of memory", name, len(m.text), took, alloc)
		}
	}
}

// A decoder is reused: a message must not affect the next one.
func TestProtocol_HostileMessagesLeaveNothingBehind(t *testing.T) {
	d := newJSONDecoder()
	for name, m := range hostileMessages() {
		_, _ = m.p.decode(d, m.text)
		if got, err := JSON.decode(d, []byte(`{"type":6}`)); err != nil || got.kind != kindPing || got.args != nil || got.argErr != nil {
			t.Errorf("after %s: %+v, %v", name, got, err)
		}
	}
}

func TestProtocol_TooManyArguments(t *testing.T) {
	for n, want := range map[int]error{maxArgs: nil, maxArgs + 1: errTooManyArgs, 70_000: errTooManyArgs} {
		packed := msgp.AppendArrayHeader([]byte{0x96, byte(kindInvocation), 0x80, 0xa1, '1', 0xa1, 'X'}, uint32(n))
		packed = append(packed, make([]byte, n)...)
		for p, text := range map[Protocol][]byte{
			JSON:        []byte(`{"type":1,"invocationId":"1","target":"X","arguments":[0` + strings.Repeat(",0", n-1) + `],"streamIds":["s"]}`),
			MessagePack: append(packed, 0x91, 0xa1, 's'),
		} {
			m, err := p.decode(newJSONDecoder(), text)
			if err != nil || !errors.Is(m.argErr, want) || want == nil && len(m.args) != n || len(m.args) > maxArgs || m.streams != 1 {
				t.Errorf("%s, %d arguments: %d, %v, %v", p, n, len(m.args), m.argErr, err)
			}
		}
	}
	m, err := JSON.decode(newJSONDecoder(), []byte(`{"type":1,"target":"X","arguments":[0`+strings.Repeat(",0", maxArgs)+`],"arguments":[]}`))
	if err != nil || m.argErr != nil {
		t.Errorf("the last list counts: %v, %v", m.argErr, err)
	}
}
