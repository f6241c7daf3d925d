package api

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/timetext"
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

// optionalTime reads a time that may be absent, see timetext.Parse.
func optionalTime(field, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // nil says that the parameter is absent
	}
	t, err := timetext.Parse(text)
	if err != nil {
		return nil, errs.Field(field, "%v", err)
	}
	return &t, nil
}
