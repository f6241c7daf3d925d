package signalr

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tinylib/msgp/msgp"
)

// maxDepth is how deeply MessagePack arguments may be nested.
const maxDepth = 64

// appendPackAsJSON appends the first MessagePack value of b as JSON and returns the rest after it. Binary becomes base64,
// a timestamp becomes RFC 3339, another extension becomes the base64 of its data.
func appendPackAsJSON(dst, b []byte, depth int) (out, rest []byte, err error) {
	if depth > maxDepth {
		return nil, nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	switch t := msgp.NextType(b); t {
	case msgp.NilType:
		return append(dst, "null"...), b[1:], nil
	case msgp.BoolType:
		v, rest, err := msgp.ReadBoolBytes(b)
		return strconv.AppendBool(dst, v), rest, err
	case msgp.StrType:
		return appendPackString(dst, b)
	case msgp.IntType, msgp.UintType, msgp.Float32Type, msgp.Float64Type:
		return appendPackNumber(dst, b, t)
	case msgp.BinType:
		v, rest, err := msgp.ReadBytesZC(b)
		return appendBase64(dst, v), rest, err
	case msgp.ArrayType:
		return appendPackArray(dst, b, depth)
	case msgp.MapType:
		return appendPackMap(dst, b, depth)
	case msgp.InvalidType:
		return nil, nil, msgp.ErrShortBytes
	default:
		return appendPackExtension(dst, b)
	}
}

func appendPackString(dst, b []byte) (out, rest []byte, err error) {
	v, rest, err := msgp.ReadStringZC(b)
	if err != nil {
		return nil, nil, err
	}
	if !utf8.Valid(v) {
		return nil, nil, errInvalidUTF8
	}
	out, err = jsontext.AppendQuote(dst, v)
	return out, rest, err
}

func appendPackNumber(dst, b []byte, t msgp.Type) (out, rest []byte, err error) {
	switch t {
	case msgp.IntType:
		v, rest, err := msgp.ReadInt64Bytes(b)
		return strconv.AppendInt(dst, v, 10), rest, err
	case msgp.UintType:
		v, rest, err := msgp.ReadUint64Bytes(b)
		return strconv.AppendUint(dst, v, 10), rest, err
	}
	var v float64
	bits := 64
	if t == msgp.Float32Type {
		var f float32
		f, rest, err = msgp.ReadFloat32Bytes(b)
		v, bits = float64(f), 32
	} else {
		v, rest, err = msgp.ReadFloat64Bytes(b)
	}
	if err != nil {
		return nil, nil, err
	}
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil, nil, errors.New("a number that is not finite")
	}
	return appendJSONFloat(dst, v, bits), rest, nil
}

// appendJSONFloat writes whole numbers without exponent or fraction: JavaScript encodes some whole numbers as floats, and methods
// that take an integer must be able to read them. Beyond 2^53 a float may stand for another number.
func appendJSONFloat(dst []byte, v float64, bits int) []byte {
	if v == math.Trunc(v) && math.Abs(v) <= 1<<53 {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

func appendPackArray(dst, b []byte, depth int) (out, rest []byte, err error) {
	count, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, nil, err
	}
	if int64(count) > int64(len(b)) {
		return nil, nil, msgp.ErrShortBytes
	}
	dst = append(dst, '[')
	for i := range count {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, b, err = appendPackAsJSON(dst, b, depth+1); err != nil {
			return nil, nil, err
		}
	}
	return append(dst, ']'), b, nil
}

func appendPackMap(dst, b []byte, depth int) (out, rest []byte, err error) {
	count, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, nil, err
	}
	if 2*int64(count) > int64(len(b)) {
		return nil, nil, msgp.ErrShortBytes
	}
	dst = append(dst, '{')
	for i := range count {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, b, err = appendPackKey(dst, b); err != nil {
			return nil, nil, err
		}
		if dst, b, err = appendPackAsJSON(append(dst, ':'), b, depth+1); err != nil {
			return nil, nil, err
		}
	}
	return append(dst, '}'), b, nil
}

// appendPackKey accepts whole numbers, too, which typed maps of other languages have as keys.
func appendPackKey(dst, b []byte) (out, rest []byte, err error) {
	switch t := msgp.NextType(b); t {
	case msgp.StrType:
		return appendPackString(dst, b)
	case msgp.IntType, msgp.UintType:
		dst, rest, err = appendPackNumber(append(dst, '"'), b, t)
		return append(dst, '"'), rest, err
	default:
		return nil, nil, fmt.Errorf("a map with keys of type %s", t)
	}
}

func appendPackExtension(dst, b []byte) (out, rest []byte, err error) {
	rest, err = msgp.Skip(b)
	if err != nil {
		return nil, nil, err
	}
	header := 2 // fixext: lead, type
	switch b[0] {
	case 0xc7: // ext 8: lead, length, type
		header = 3
	case 0xc8:
		header = 4
	case 0xc9:
		header = 6
	}
	kind, data := int8(b[header-1]), b[header:len(b)-len(rest)]
	if kind == msgp.MsgTimeExtension {
		t, _, err := msgp.ReadTimeUTCBytes(b)
		if err != nil {
			return nil, nil, err
		}
		return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"'), rest, nil
	}
	return appendBase64(dst, data), rest, nil
}

func appendBase64(dst, data []byte) []byte {
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), data)
	return append(dst, '"')
}

// appendJSONAsPack appends a JSON value as MessagePack: whole numbers as integers, everything in its shortest form.
func appendJSONAsPack(dst, value []byte) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(value), jsontext.AllowDuplicateNames(true))
	return appendTokens(dst, d)
}

func appendTokens(dst []byte, d *jsontext.Decoder) ([]byte, error) {
	tok, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case 'n':
		return msgp.AppendNil(dst), nil
	case 't', 'f':
		return msgp.AppendBool(dst, tok.Bool()), nil
	case '"':
		return msgp.AppendString(dst, tok.String()), nil
	case '0':
		return appendNumberAsPack(dst, tok.String())
	case '[':
		return appendContainer(dst, d, ']', msgp.AppendArrayHeader)
	default:
		return appendContainer(dst, d, '}', msgp.AppendMapHeader)
	}
}

// appendContainer encodes the elements first, and then inserts the header before them, which needs their number.
func appendContainer(dst []byte, d *jsontext.Decoder, end jsontext.Kind, header func([]byte, uint32) []byte) ([]byte, error) {
	start, count := len(dst), uint32(0)
	for d.PeekKind() != end {
		var err error
		if dst, err = appendTokens(dst, d); err != nil {
			return nil, err
		}
		count++
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if end == '}' {
		count /= 2
	}
	return slices.Insert(dst, start, header(nil, count)...), nil
}

func appendNumberAsPack(dst []byte, number string) ([]byte, error) {
	if v, err := strconv.ParseUint(number, 10, 64); err == nil {
		return msgp.AppendUint64(dst, v), nil
	}
	if v, err := strconv.ParseInt(number, 10, 64); err == nil {
		return msgp.AppendInt64(dst, v), nil
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return nil, err
	}
	return msgp.AppendFloat64(dst, v), nil
}
