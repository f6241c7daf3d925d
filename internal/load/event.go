package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

var (
	invocation = []byte(`{"type":1,`)
	seqKey     = []byte(`"seq":`)
	idKey      = []byte(`"id":"`)
	stampKey   = []byte(`"msg":"t=`)
)

const stampDigits = 19 // digits of a time in Unix nanoseconds

// TimedText returns a message text of the given size, at least 22 bytes. It begins with the time, from which a Reader
// measures latency.
func TimedText(size int) string {
	stamp := fmt.Sprintf("t=%0*d ", stampDigits, time.Now().UnixNano())
	return stamp + strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz ", size/37+1)[:max(0, size-len(stamp))]
}

// seqOf returns the number of the message in an event. The key cannot occur inside a JSON string, because a quote in a
// string is always escaped. hint is the position of the number in the previous event. It makes the search short, and is
// updated.
func seqOf(event []byte, hint *int) (int64, bool) {
	at := *hint
	if at < len(seqKey) || at >= len(event) || string(event[at-len(seqKey):at]) != string(seqKey) {
		at = bytes.Index(event, seqKey)
		if at < 0 {
			return 0, false
		}
		at += len(seqKey)
		*hint = at
	}
	var n int64
	digits := 0
	for _, c := range event[at:] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
		digits++
	}
	return n, digits > 0 && digits < stampDigits
}

// sentAt returns the time in a TimedText.
func sentAt(event []byte) (time.Time, bool) {
	at := bytes.Index(event, stampKey)
	if at < 0 || len(event) < at+len(stampKey)+stampDigits {
		return time.Time{}, false
	}
	var n int64
	for _, c := range event[at+len(stampKey):][:stampDigits] {
		n = n*10 + int64(c-'0')
	}
	return time.Unix(0, n), true
}

// idOf returns the id of the message in an event.
func idOf(event []byte) []byte {
	_, rest, found := bytes.Cut(event, idKey)
	if !found || len(rest) < 36 {
		return nil
	}
	return rest[:36]
}

// chain adds an id to a checksum of ids in their order (FNV-1a).
func chain(sum uint64, id []byte) uint64 {
	for _, c := range id {
		sum = (sum ^ uint64(c)) * 0x100000001b3
	}
	return sum
}

// hubMessage is the part of a hub message that a Reader needs, if it is not an event.
type hubMessage struct {
	Type           int               `json:"type"`
	InvocationID   string            `json:"invocationId"`
	Target         string            `json:"target"`
	Arguments      []json.RawMessage `json:"arguments"`
	Error          string            `json:"error"`
	Result         json.RawMessage   `json:"result"`
	AllowReconnect bool              `json:"allowReconnect"`
}

// Closed is the hub's Close message as an error: it ended a connection.
type Closed struct {
	Reason         string
	AllowReconnect bool
}

// Error implements error.
func (c *Closed) Error() string {
	return fmt.Sprintf("server closed the connection (reason %q, reconnect %t)", c.Reason, c.AllowReconnect)
}
