package signalr

import (
	"encoding/json"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// Protocol is the encoding of hub messages.
type Protocol int

// The hub protocols.
const (
	JSON        Protocol = iota // JSON text, each message ended by the byte 0x1E
	MessagePack                 // binary, each message preceded by its length
)

// String returns the protocol's name in the handshake.
func (p Protocol) String() string {
	if p == MessagePack {
		return "messagepack"
	}
	return "json"
}

// AppendInvocation appends a whole hub message that calls target at the client, with its terminator or length prefix.
// args are already encoded in the protocol.
func (p Protocol) AppendInvocation(dst []byte, target string, args ...[]byte) []byte {
	if p == MessagePack {
		return appendPackInvocation(dst, target, args)
	}
	return appendJSONInvocation(dst, target, args)
}

// decode reads one message, without its terminator or length prefix. The message's arguments may alias b.
func (p Protocol) decode(d *jsonDecoder, b []byte) (message, error) {
	if p == MessagePack {
		return decodePack(b)
	}
	return d.decode(b)
}

// appendResult appends the completion of a call that has returned result; nil is void.
func (p Protocol) appendResult(dst []byte, id string, result any) ([]byte, error) {
	if result == nil {
		if p == MessagePack {
			return appendPackVoid(dst, id), nil
		}
		return appendJSONVoid(dst, id), nil
	}
	encoded, err := marshalJSON(result)
	if err != nil {
		return dst, fmt.Errorf("encode result: %w", err)
	}
	if p == MessagePack {
		return appendPackResult(dst, id, encoded)
	}
	return appendJSONResult(dst, id, encoded), nil
}

// appendError appends the completion of a call that has failed.
func (p Protocol) appendError(dst []byte, id, text string) []byte {
	if p == MessagePack {
		return appendPackError(dst, id, text)
	}
	return appendJSONError(dst, id, text)
}

// appendClose appends a Close message; an empty text is none.
func (p Protocol) appendClose(dst []byte, text string, allowReconnect bool) []byte {
	if p == MessagePack {
		return appendPackClose(dst, text, allowReconnect)
	}
	return appendJSONClose(dst, text, allowReconnect)
}

// appendNumber appends an Ack or a Sequence.
func (p Protocol) appendNumber(dst []byte, k kind, number int64) []byte {
	if p == MessagePack {
		return appendPack(dst, msgp.AppendInt64([]byte{0x92, byte(k)}, number))
	}
	return append(fmt.Appendf(dst, `{"type":%d,"sequenceId":%d}`, k, number), recordSeparator)
}

// ping returns a Ping message.
func (p Protocol) ping() string {
	if p == MessagePack {
		return "\x02\x91\x06"
	}
	return `{"type":6}` + "\x1e"
}

// next finds the first message in b: its content, and its size with terminator or prefix, which is 0 when it is not
// complete. The error is errTooLarge, as soon as that is known, or errMalformed.
func (p Protocol) next(b []byte, limit int) (content []byte, size int, err error) {
	if p == MessagePack {
		return nextPack(b, limit)
	}
	return nextJSON(b, limit)
}

// marshalJSON is json.Marshal without the escapes that are only for HTML.
func marshalJSON(v any) ([]byte, error) {
	var b appendWriter
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b[:len(b)-1], nil // Encode ends with a newline
}

type appendWriter []byte

func (w *appendWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// missing returns how many bytes of data the incomplete message needs, at least one, and whether the message may be
// complete with them.
func (p Protocol) missing(partial, data []byte) (n int, completes bool) {
	if p == MessagePack {
		return missingPack(partial, data)
	}
	return missingJSON(data)
}
