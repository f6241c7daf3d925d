package event

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"restante/internal/errs"
)

// headerAttributes returns the CloudEvents attributes among the headers of an AMQP message. It leaves out headers of types
// that no attribute has: if one was needed, its absence is the error.
func headerAttributes(headers map[string]any) map[string]string {
	var attributes map[string]string
	for name, value := range headers {
		name, ok := strings.CutPrefix(name, prefix)
		if !ok {
			if name, ok = strings.CutPrefix(name, otherPrefix); !ok {
				continue
			}
		}
		text, ok := attributeText(value)
		if !ok {
			continue
		}
		if attributes == nil {
			attributes = make(map[string]string, len(headers))
		}
		attributes[name] = text
	}
	return attributes
}

// attributeText returns the text form that CloudEvents gives the value of a header.
func attributeText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	case bool:
		return strconv.FormatBool(v), true
	case int, int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), true
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), true
	}
	return "", false
}

// memberAttributes returns the attributes among the members of an event in JSON: texts, integers and booleans. A null counts
// as absent.
func memberAttributes(members map[string]jsontext.Value) (map[string]string, error) {
	attributes := make(map[string]string, len(members))
	for name, value := range members {
		switch value.Kind() {
		case 'n':
		case '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, errs.Field("body", "the attribute %.100q is not valid UTF-8", name)
			}
			attributes[name] = text
		case '0', 't', 'f':
			attributes[name] = value.String()
		default:
			return nil, errs.Field("body", "the attribute %.100q must be a text, a number or a boolean", name)
		}
	}
	return attributes, nil
}

// checkAttributes checks the attributes that every event has. It ignores others.
func checkAttributes(attributes map[string]string) error {
	if v := attributes["specversion"]; v != "1.0" {
		return errs.Field("specversion", "must be 1.0, is %.100q", v)
	}
	for _, name := range [...]string{"id", "source", "type", "room", "clientid"} {
		if !utf8.ValidString(attributes[name]) {
			return errs.Field(name, "must be valid UTF-8")
		}
	}
	for _, name := range [...]string{"id", "source", "type"} {
		if attributes[name] == "" {
			return errs.Field(name, "is missing: every CloudEvent has one, as a text")
		}
	}
	if strings.ContainsFunc(attributes["source"], unicode.IsSpace) {
		return errs.Field("source", "must be a URI reference, has a space")
	}
	return nil
}
