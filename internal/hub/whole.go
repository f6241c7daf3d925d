package hub

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// whole is a whole number in an argument. Some languages write whole numbers as 18.0 or 1.8e1, which are read exactly, up to
// maxWhole; greater ones may have lost digits on their way. It must be written as an integer then.
type whole int64

const maxWhole = 1 << 53

// UnmarshalJSON implements json.Unmarshaler.
func (n *whole) UnmarshalJSON(b []byte) error {
	text := string(b)
	if text == "null" {
		return nil
	}
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		*n = whole(v)
		return nil
	}
	if v, ok := wholeOf(text); ok {
		*n = whole(v)
		return nil
	}
	return &json.UnmarshalTypeError{Value: kindOf(text), Type: reflect.TypeFor[whole]()}
}

// wholeOf reads a JSON number that has a fraction or an exponent. It computes with the digits, since a float would take a number
// that is almost whole for a whole one.
func wholeOf(text string) (int64, bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	digits, fraction, _ := strings.Cut(mantissa, ".")
	shift := 0
	if exponent != "" {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			shift = len(text) // far beyond maxWhole, or a fraction, unless all digits are zeros
			if strings.HasPrefix(exponent, "-") {
				shift = -shift
			}
		}
	}
	point := len(digits) + shift // in the digits of both
	digits = strings.TrimRight(digits+fraction, "0")
	if strings.Trim(digits, "0") == "" {
		return 0, true
	}
	const most = 16 // digits of maxWhole
	if significant := strings.TrimLeft(digits, "0"); len(digits) > point || point-len(digits)+len(significant) > most {
		return 0, false
	}
	v, err := strconv.ParseInt(digits+strings.Repeat("0", point-len(digits)), 10, 64)
	if err != nil || v > maxWhole {
		return 0, false
	}
	if negative {
		v = -v
	}
	return v, true
}

// kindOf names a JSON value that is not a whole number.
func kindOf(text string) string {
	switch text[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "bool"
	default:
		return "number that is not whole, or too large"
	}
}
