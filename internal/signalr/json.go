package signalr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

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
	tokens *jsontext.Decoder
	source bytes.Buffer
	text   []byte // the message being read
}

// newJSONDecoder returns a decoder that refuses text that the hub could not get unchanged (bytes that are not UTF-8, lone
// surrogates). Of repeated names the last one counts, as in stock servers.
func newJSONDecoder() *jsonDecoder {
	d := &jsonDecoder{}
	d.tokens = jsontext.NewDecoder(&d.source, jsontext.AllowDuplicateNames(true))
	return d
}

// decode reads one message. Every byte of it is checked.
func (d *jsonDecoder) decode(b []byte) (message, error) {
	d.source, d.text = *bytes.NewBuffer(b), b
	d.tokens.Reset(&d.source, jsontext.AllowDuplicateNames(true))
	m, err := d.object()
	d.source, d.text = bytes.Buffer{}, nil
	if err != nil {
		return message{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, nil
}

func (d *jsonDecoder) object() (message, error) {
	m, seen := message{kind: -1, number: -1}, false
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
		hasArgs, err := d.property(&m, unquoted(name))
		if err != nil {
			return m, fmt.Errorf("property %.20s: %w", name, err)
		}
		seen = seen || hasArgs
	}
	if _, err := d.tokens.ReadToken(); err != nil {
		return m, err
	}
	if _, err := d.tokens.ReadToken(); !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("more after the message")
	}
	return m, m.complete(seen)
}

// complete checks that the message has the properties that its type needs.
func (m *message) complete(hasArgs bool) error {
	switch {
	case m.kind < 0:
		return fmt.Errorf("missing property 'type'")
	case m.kind.calls() && m.target == "":
		return fmt.Errorf("missing property 'target'")
	case m.kind.calls() && !hasArgs:
		return fmt.Errorf("missing property 'arguments'")
	case m.kind.needsID() && m.id == "":
		return fmt.Errorf("missing property 'invocationId'")
	}
	return nil
}

// property reads the value of one property into m, or skips it when the server has no use for it.
func (d *jsonDecoder) property(m *message, name string) (hasArgs bool, err error) {
	switch name {
	case "arguments":
		return true, d.arguments(m)
	case "streamIds":
		m.streams, err = d.count()
		return false, err
	}
	v, err := d.value()
	if err != nil {
		return false, err
	}
	switch name {
	case "type":
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return false, fmt.Errorf("not an integer")
		}
		m.kind = kindOf(n)
	case "invocationId":
		m.id, err = optionalString(v)
	case "target":
		m.target, err = optionalString(v)
	case "sequenceId":
		m.number, err = strconv.ParseInt(string(v), 10, 64)
	}
	return false, err
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
		if err := d.tokens.SkipValue(); err != nil {
			return 0, err
		}
	}
	if tok, err = d.tokens.ReadToken(); err == nil && tok.Kind() != ']' {
		err = fmt.Errorf("not a string")
	}
	return n, err
}

func (d *jsonDecoder) arguments(m *message) error {
	m.args, m.argErr = nil, nil
	if tok, err := d.tokens.ReadToken(); err != nil {
		return err
	} else if tok.Kind() != '[' {
		return fmt.Errorf("not an array")
	}
	for d.tokens.PeekKind() != ']' {
		v, err := d.value()
		if err != nil {
			return err
		}
		if len(m.args) == maxArgs {
			m.argErr = errTooManyArgs
			continue
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

// optionalString reads a string or null.
func optionalString(v []byte) (string, error) {
	switch jsontext.Value(v).Kind() {
	case '"':
		return unquoted(v), nil
	case 'n':
		return "", nil
	}
	return "", fmt.Errorf("not a string")
}

// unquoted returns the text of a JSON string that is known to be valid.
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
