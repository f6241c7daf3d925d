package signalr

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// Kinds of result in a MessagePack completion.
const (
	packError  = 1
	packVoid   = 2
	packResult = 3
)

// nextPack finds the first message behind its length: LEB128 in at most five bytes.
func nextPack(b []byte, limit int) ([]byte, int, error) {
	n, size := binary.Uvarint(b[:min(len(b), 5)])
	switch {
	case size < 0 || (size == 0 && len(b) >= 5):
		return nil, 0, fmt.Errorf("%w: length prefix", errMalformed)
	case size == 0:
		return nil, 0, nil
	case n > uint64(limit):
		return nil, 0, errTooLarge
	case len(b)-size < int(n):
		return nil, 0, nil
	}
	return b[size : size+int(n)], size + int(n), nil
}

// decodePack reads one message. It checks counts against the bytes that it has before it allocates anything.
func decodePack(b []byte) (message, error) {
	m, err := packMessage(b)
	if err != nil {
		return message{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, nil
}

func packMessage(b []byte) (m message, err error) {
	elements, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return m, err
	}
	n, b, err := msgp.ReadInt64Bytes(b)
	if err != nil {
		return m, fmt.Errorf("type: %w", err)
	}
	m.kind = kindOf(n)
	if elements < packElements(m.kind) {
		return m, fmt.Errorf("%d elements in a message of type %d", elements, n)
	}
	if m.kind.calls() || m.kind.needsID() {
		if b, err = skipPack(b, 1); err != nil {
			return m, fmt.Errorf("headers: %w", err)
		}
		if m.id, b, err = packID(b); err != nil {
			return m, fmt.Errorf("invocation id: %w", err)
		}
	}
	if m.kind.needsID() && m.id == "" {
		return m, errors.New("no invocation id")
	}
	return m, m.packBody(b, elements)
}

// packElements is the least number of elements of a message. Arguments, streamIds, and elements of later versions may be absent.
func packElements(k kind) uint32 {
	switch k {
	case kindInvocation, kindStreamInvocation, kindCompletion:
		return 4
	case kindStreamItem, kindCancel:
		return 3
	case kindClose, kindAck, kindSequence:
		return 2
	default:
		return 1
	}
}

// packBody reads what follows the type, or the invocation id.
func (m *message) packBody(b []byte, elements uint32) (err error) {
	switch m.kind {
	case kindInvocation, kindStreamInvocation:
		return m.packCall(b, elements)
	case kindCompletion:
		return checkPackResult(b, elements)
	case kindClose:
		return checkPackClose(b, elements)
	case kindAck, kindSequence:
		m.number, _, err = msgp.ReadInt64Bytes(b)
	}
	return err
}

// packID reads a string or nil.
func packID(b []byte) (string, []byte, error) {
	if msgp.IsNil(b) {
		return "", b[1:], nil
	}
	v, rest, err := msgp.ReadStringZC(b)
	return string(v), rest, err
}

// checkPackResult checks what follows the invocation id of a completion.
func checkPackResult(b []byte, elements uint32) error {
	resultKind, b, err := msgp.ReadIntBytes(b)
	if err != nil {
		return fmt.Errorf("kind of result: %w", err)
	}
	switch resultKind {
	case packError:
		_, _, err = msgp.ReadStringZC(b)
	case packResult:
		if elements < 5 {
			return errors.New("no result")
		}
		_, err = skipPack(b, 1)
	case packVoid:
	default:
		err = fmt.Errorf("result of kind %d", resultKind)
	}
	return err
}

// checkPackClose checks what follows the type of a Close.
func checkPackClose(b []byte, elements uint32) error {
	_, b, err := packID(b)
	if err == nil && elements > 2 {
		_, _, err = msgp.ReadBoolBytes(b)
	}
	return err
}

// packCall reads target, arguments and stream ids. Arguments that cannot be read are an error of the call and not of the message;
// what follows them is then not read.
func (m *message) packCall(b []byte, elements uint32) error {
	target, b, err := msgp.ReadStringZC(b)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	m.target = strings.ToValidUTF8(string(target), "\ufffd")
	if elements < 5 {
		m.argErr = errNoArgs
		return nil
	}
	if b, err = m.packArgs(b); err != nil {
		m.args, m.argErr = nil, errBadArgs
		return nil
	}
	if elements < 6 || msgp.IsNil(b) {
		return nil
	}
	count, b, err := msgp.ReadArrayHeaderBytes(b)
	for i := uint32(0); i < count && err == nil; i++ {
		_, b, err = msgp.ReadStringZC(b)
	}
	if err != nil {
		return fmt.Errorf("stream ids: %w", err)
	}
	m.streams = int(count)
	return nil
}

// packArgs transcodes the arguments into one buffer. An argument that cannot be JSON, or too many arguments, leave the rest of the
// message readable. An error says that the end of the arguments cannot be found.
func (m *message) packArgs(b []byte) ([]byte, error) {
	count, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	end, err := skipPack(b, uint64(count))
	if err != nil {
		return nil, err
	}
	if count > maxArgs {
		m.argErr = errTooManyArgs
		return end, nil
	}
	var (
		text = make([]byte, 0, len(b)-len(end)+16)
		ends = make([]int, 0, count)
	)
	for i := range count {
		if text, b, err = appendPackAsJSON(text, b, 0); err != nil {
			m.argErr = fmt.Errorf("argument %d: %w", i+1, err)
			return end, nil
		}
		ends = append(ends, len(text))
	}
	start := 0
	m.args = make([]json.RawMessage, len(ends))
	for i, e := range ends {
		m.args[i], start = text[start:e:e], e
	}
	return end, nil
}

// skipPack skips n values. It does not recurse, and refuses more values than there are bytes.
func skipPack(b []byte, n uint64) ([]byte, error) {
	var (
		size uint32
		err  error
	)
	for ; n > 0; n-- {
		if n > uint64(len(b)) {
			return nil, msgp.ErrShortBytes
		}
		switch msgp.NextType(b) {
		case msgp.ArrayType:
			size, b, err = msgp.ReadArrayHeaderBytes(b)
			n += uint64(size)
		case msgp.MapType:
			size, b, err = msgp.ReadMapHeaderBytes(b)
			n += 2 * uint64(size)
		default:
			b, err = msgp.Skip(b)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// appendPack appends the length of body and body.
func appendPack(dst, body []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(body)))
	return append(dst, body...)
}

// appendPackInvocation writes six elements, because some clients read the last one, the stream ids. It is empty.
func appendPackInvocation(dst []byte, target string, args [][]byte) []byte {
	head := make([]byte, 0, 64)
	head = append(head, 0x96, byte(kindInvocation), 0x80, 0xc0)
	head = msgp.AppendString(head, target)
	head = msgp.AppendArrayHeader(head, uint32(len(args)))
	size := len(head) + 1
	for _, a := range args {
		size += len(a)
	}
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = append(dst, head...)
	for _, a := range args {
		dst = append(dst, a...)
	}
	return append(dst, 0x90)
}

// packCompletion begins a completion of four elements, or five with a value.
func packCompletion(id string, resultKind byte) []byte {
	elements := byte(0x95)
	if resultKind == packVoid {
		elements = 0x94
	}
	body := append(make([]byte, 0, 64), elements, byte(kindCompletion), 0x80)
	return append(msgp.AppendString(body, id), resultKind)
}

func appendPackVoid(dst []byte, id string) []byte {
	return appendPack(dst, packCompletion(id, packVoid))
}

func appendPackError(dst []byte, id, text string) []byte {
	return appendPack(dst, msgp.AppendString(packCompletion(id, packError), text))
}

func appendPackResult(dst []byte, id string, result []byte) ([]byte, error) {
	body, err := appendJSONAsPack(packCompletion(id, packResult), result)
	if err != nil {
		return dst, err
	}
	return appendPack(dst, body), nil
}

func appendPackClose(dst []byte, text string, allowReconnect bool) []byte {
	body := []byte{0x93, byte(kindClose)}
	if text == "" {
		body = msgp.AppendNil(body)
	} else {
		body = msgp.AppendString(body, text)
	}
	return appendPack(dst, msgp.AppendBool(body, allowReconnect))
}

// missingPack returns the bytes up to the end of the message, or one while the length itself is not complete.
func missingPack(partial, data []byte) (n int, completes bool) {
	length, size := binary.Uvarint(partial)
	if size <= 0 {
		return 1, true
	}
	need := length + uint64(size) - uint64(len(partial))
	return int(min(need, uint64(len(data)))), need <= uint64(len(data))
}
