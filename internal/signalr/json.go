package signalr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// recordSeparator ends every JSON hub message and both messages of the handshake.
const recordSeparator = 0x1e

func nextJSON(b []byte, limit int) ([]byte, int, error) {
	i := bytes.IndexByte(b, recordSeparator)
	if i > limit || (i < 0 && len(b) > limit) {
		return nil, 0, errTooLarge
	}
	if i < 0 {
		return nil, 0, nil
	}
	return b[:i], i + 1, nil
}

// jsonDecoder reads one JSON hub message at a time. It is reused because its tokenizer is large.
type jsonDecoder struct {
	tokens  *jsontext.Decoder
	source  bytes.Buffer
	text    []byte // the message being read
	lenient bool   // take text that is not Unicode where the server has no use for it
}

// newJSONDecoder returns a decoder. Of repeated names the last one counts, as in stock servers.
func newJSONDecoder() *jsonDecoder {
	d := &jsonDecoder{}
	d.tokens = jsontext.NewDecoder(&d.source, jsontext.AllowDuplicateNames(true))
	return d
}

// decode reads the first message of a record. A message that contains text that is not Unicode (bytes that are not UTF-8, or half
// of a surrogate pair) is read a second time, to find out whether the text is needed: in arguments it fails the call, and
// where the server has no use for it, it is skipped.
func (d *jsonDecoder) decode(b []byte) (message, error) {
	m, err := d.read(b, false)
	if err != nil {
		m, err = d.read(b, true)
	}
	if err != nil {
		return message{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, nil
}

func (d *jsonDecoder) read(b []byte, lenient bool) (message, error) {
	d.source, d.text, d.lenient = *bytes.NewBuffer(b), b, lenient
	d.tokens.Reset(&d.source, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(lenient))
	m, err := d.object()
	d.source, d.text = bytes.Buffer{}, nil
	return m, err
}

func (d *jsonDecoder) object() (message, error) {
	m, seen := message{kind: -1, number: -1}, members(0)
	if tok, err := d.tokens.ReadToken(); err != nil {
		return m, err
	} else if tok.Kind() != '{' {
		return m, fmt.Errorf("a message is an object, not %q", tok.Kind())
	}
	for d.tokens.PeekKind() != '}' {
		name, err := d.value()
		if err != nil {
			return m, err
		}
		member, err := d.property(&m, unquoted(name))
		if err != nil {
			return m, fmt.Errorf("property %.20q: %w", name, err)
		}
		seen |= member
	}
	if _, err := d.tokens.ReadToken(); err != nil {
		return m, err
	}
	m.rest = nextObject(d.text[d.tokens.InputOffset():])
	return m, m.complete(seen)
}

// nextObject returns what follows a message in its record if it is another one. Some clients end records with a zero byte, or
// forget the separator; stock servers ignore all that follows.
func nextObject(b []byte) []byte {
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 && b[0] == '{' {
		return b
	}
	return nil
}

// members is the set of properties that a message has.
type members uint8

const (
	hasID members = 1 << iota
	hasTarget
	hasArgs
	hasItem
	hasResult
	hasError
)

// complete checks that the message has the properties that its type needs.
func (m *message) complete(seen members) error {
	switch {
	case m.kind < 0:
		return fmt.Errorf("missing property 'type'")
	case m.kind.calls() && seen&hasTarget == 0:
		return fmt.Errorf("missing property 'target'")
	case m.kind.calls() && seen&hasArgs == 0:
		return fmt.Errorf("missing property 'arguments'")
	case m.kind.needsID() && (seen&hasID == 0 || m.id == "" && !m.kind.calls()):
		return fmt.Errorf("missing property 'invocationId'")
	case m.kind == kindStreamItem && seen&hasItem == 0:
		return fmt.Errorf("missing property 'item'")
	case m.kind == kindCompletion && seen&(hasResult|hasError) == hasResult|hasError:
		return fmt.Errorf("both 'result' and 'error'")
	case m.kind.counts() && m.number < 0:
		return fmt.Errorf("missing property 'sequenceId'")
	}
	return nil
}

// property reads the value of one property into m, or skips it when the server has no use for it.
func (d *jsonDecoder) property(m *message, name string) (member members, err error) {
	switch name {
	case "arguments":
		return hasArgs, d.arguments(m)
	case "streamIds":
		m.streams, err = d.count()
		return 0, err
	}
	v, err := d.value()
	if err != nil {
		return 0, err
	}
	switch name {
	case "type":
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("not an integer")
		}
		m.kind = kindOf(n)
	case "invocationId":
		m.id, member, err = d.optionalString(v, hasID)
	case "target":
		m.target, member, err = d.optionalString(v, hasTarget)
	case "item":
		member = hasItem
	case "result":
		member = hasResult
	case "error":
		_, member, err = d.optionalString(v, hasError)
		if err == nil && member == 0 {
			err = fmt.Errorf("not a string")
		}
	case "allowReconnect":
		if k := jsontext.Value(v).Kind(); k != 't' && k != 'f' {
			err = fmt.Errorf("not true or false")
		}
	case "sequenceId":
		m.number, err = strconv.ParseInt(string(v), 10, 64)
	}
	return member, err
}

// count reads an array of strings, or null, and returns how many there are.
func (d *jsonDecoder) count() (n int, err error) {
	tok, err := d.tokens.ReadToken()
	if err != nil || tok.Kind() == 'n' {
		return 0, err
	}
	if tok.Kind() != '[' {
		return 0, fmt.Errorf("not an array")
	}
	for ; d.tokens.PeekKind() == '"'; n++ {
		v, err := d.value()
		if err == nil {
			err = d.check(v)
		}
		if err != nil {
			return 0, err
		}
	}
	if tok, err = d.tokens.ReadToken(); err == nil && tok.Kind() != ']' {
		err = fmt.Errorf("not a string")
	}
	return n, err
}

// arguments reads the arguments of a call. Those that cannot be given to the method are an error of the call only.
func (d *jsonDecoder) arguments(m *message) error {
	m.args, m.argErr = nil, nil
	if tok, err := d.tokens.ReadToken(); err != nil {
		return err
	} else if tok.Kind() != '[' {
		return fmt.Errorf("not an array")
	}
	for n := 1; d.tokens.PeekKind() != ']'; n++ {
		v, err := d.value()
		if err != nil {
			return err
		}
		if n > maxArgs {
			m.argErr = errTooManyArgs
			continue
		}
		if err := d.check(v); err != nil && m.argErr == nil {
			m.argErr = fmt.Errorf("argument %d: %w", n, err)
		}
		m.args = append(m.args, json.RawMessage(v))
	}
	_, err := d.tokens.ReadToken()
	return err
}

// value reads the next value and returns its bytes in the message, which stay valid after the tokenizer's next step.
func (d *jsonDecoder) value() ([]byte, error) {
	v, err := d.tokens.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(d.tokens.InputOffset())
	return d.text[end-len(v) : end : end], nil
}

// check returns an error if texts in a value are not Unicode, so that the hub could not get them unchanged. The tokenizer has
// checked that already unless it is lenient.
func (d *jsonDecoder) check(v []byte) error {
	switch {
	case !d.lenient || jsontext.Value(v).IsValid(jsontext.AllowDuplicateNames(true)):
		return nil
	case !utf8.Valid(v):
		return errInvalidUTF8
	default:
		return errHalfPair
	}
}

// optionalString reads a string, or null. member is given back if it is a string.
func (d *jsonDecoder) optionalString(v []byte, member members) (string, members, error) {
	switch jsontext.Value(v).Kind() {
	case '"':
		return unquoted(v), member, d.check(v)
	case 'n':
		return "", 0, nil
	}
	return "", 0, fmt.Errorf("not a string")
}

// unquoted returns the text of a JSON string whose syntax is known to be valid.
func unquoted(v []byte) string {
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	s, _ := jsontext.AppendUnquote(nil, v)
	return string(s)
}

func appendJSONString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // bytes that are not UTF-8 would become U+FFFD, but all texts here are the server's or were checked
	return dst
}

func appendJSONInvocation(dst []byte, target string, args [][]byte) []byte {
	dst = append(dst, `{"type":1,"target":`...)
	dst = appendJSONString(dst, target)
	dst = append(dst, `,"arguments":[`...)
	for i, a := range args {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, a...)
	}
	return append(dst, ']', '}', recordSeparator)
}

func appendJSONCompletion(dst []byte, id string) []byte {
	dst = append(dst, `{"type":3,"invocationId":`...)
	return appendJSONString(dst, id)
}

func appendJSONVoid(dst []byte, id string) []byte {
	return append(appendJSONCompletion(dst, id), '}', recordSeparator)
}

func appendJSONResult(dst []byte, id string, result []byte) []byte {
	dst = append(appendJSONCompletion(dst, id), `,"result":`...)
	dst = append(dst, result...)
	return append(dst, '}', recordSeparator)
}

func appendJSONError(dst []byte, id, text string) []byte {
	dst = append(appendJSONCompletion(dst, id), `,"error":`...)
	return append(appendJSONString(dst, text), '}', recordSeparator)
}

func appendJSONClose(dst []byte, text string, allowReconnect bool) []byte {
	dst = append(dst, `{"type":7`...)
	if text != "" {
		dst = appendJSONString(append(dst, `,"error":`...), text)
	}
	if allowReconnect {
		dst = append(dst, `,"allowReconnect":true`...)
	}
	return append(dst, '}', recordSeparator)
}

// missingJSON returns the bytes up to the terminator, or all.
func missingJSON(data []byte) (n int, completes bool) {
	if i := bytes.IndexByte(data, recordSeparator); i >= 0 {
		return i + 1, true
	}
	return len(data), false
}
