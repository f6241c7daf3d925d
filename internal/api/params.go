package api

import (
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/chat"
	"restante/internal/errs"
)

// seqParam is a number of a message in a query, which may be absent.
type seqParam struct {
	Value int64
	Set   bool
}

// Schema implements huma.SchemaProvider.
func (seqParam) Schema(huma.Registry) *huma.Schema {
	zero := 0.0
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &zero}
}

// Receiver implements huma.ParamWrapper.
func (p *seqParam) Receiver() reflect.Value { return reflect.ValueOf(p).Elem().Field(0) }

// OnParamSet implements huma.ParamReactor.
func (p *seqParam) OnParamSet(set bool, _ any) { p.Set = set }

// limitParam is the number of entries of a page; 0 when absent.
type limitParam int

// Schema implements huma.SchemaProvider.
func (limitParam) Schema(huma.Registry) *huma.Schema {
	low, high := 1.0, 500.0
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high}
}

func (l limitParam) orDefault() int {
	if l == 0 {
		return chat.DefaultPage
	}
	return int(l)
}

// exclusive returns an error for a request that names more than one cursor to read from.
func exclusive(named map[string]bool) error {
	n := 0
	for _, is := range named {
		if is {
			n++
		}
	}
	if n < 2 {
		return nil
	}
	for _, name := range []string{"since", "before", "after"} {
		if named[name] {
			return errs.Field(name, "cannot be combined with another of after, before and since")
		}
	}
	return nil
}

// optionalTime is parseTime for a parameter that may be absent.
func optionalTime(field, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // nil says that the parameter is absent
	}
	t, err := parseTime(field, text)
	return &t, err
}

// timeLayouts are what clients write when they mean RFC 3339. Seconds may have a fraction of any length.
var timeLayouts = [...]string{
	time.RFC3339,
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05", // no offset: UTC
	"2006-01-02T15:04Z07:00",
	"2006-01-02",
}

// parseTime reads a time leniently: RFC 3339 with any fraction and offset, also where clients escaped it wrongly, such as
// a '+' that arrives as a space.
func parseTime(field, text string) (time.Time, error) {
	s := strings.ToUpper(strings.TrimSpace(text))
	if len(s) > len("2006-01-02") && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	s = strings.Replace(s, " ", "+", 1)
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errs.Field(field, "must be a time of RFC 3339 such as 2026-01-02T15:04:05.123Z")
}
