package api

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonFormat makes huma read and write bodies strictly. Invalid UTF-8, lone surrogates, repeated names and data after the
// value are errors; encoding/json would replace or ignore them.
var jsonFormat = huma.Format{Marshal: writeJSON, Unmarshal: readJSON}

// appender is a body that encodes itself.
type appender interface{ appendJSON(dst []byte) []byte }

func writeJSON(w io.Writer, v any) error {
	if body, ok := v.(appender); ok {
		_, _ = w.Write(append(body.appendJSON(nil), '\n')) // a client that has disconnected needs no answer
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	_, _ = w.Write(append(b, '\n'))
	return nil
}

func readJSON(data []byte, v any) error {
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true)) // huma would accept other letter cases
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		where := fmt.Sprintf("at byte %d", syntax.ByteOffset)
		if field := fieldAt(syntax.JSONPointer); field != "" {
			where += fmt.Sprintf(" in %q", field)
		}
		return fmt.Errorf("is not proper JSON: %w, %s", syntax.Err, where)
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok && errors.Is(semantic.Err, json.ErrUnknownName) {
		return fmt.Errorf("has the unexpected property %q", fieldAt(semantic.JSONPointer))
	}
	return err
}

func fieldAt(p jsontext.Pointer) string { return cut(strings.TrimPrefix(string(p), "/")) }
