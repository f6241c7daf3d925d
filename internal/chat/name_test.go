package chat_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
)

// TestValidateName_IsTheRuleOfTheApp reads the table that the app's tests read, too (client/src/core/identity.test.ts).
func TestValidateName_IsTheRuleOfTheApp(t *testing.T) {
	content, err := os.ReadFile("testdata/names.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Typed, Name, Fault, What string }
	if err := json.Unmarshal(content, &cases); err != nil || len(cases) < 60 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, tc := range cases {
		name := chat.TrimName(tc.Typed)
		if name != tc.Name {
			t.Errorf("%+q (%s) is trimmed to %+q, want %+q", tc.Typed, tc.What, name, tc.Name)
		}
		err := chat.ValidateName("sub", name)
		switch {
		case tc.Fault == "" && err != nil:
			t.Errorf("%+q (%s) is refused: %v", name, tc.What, err)
		case tc.Fault != "" && (errs.CodeOf(err) != errs.Invalid || !strings.HasPrefix(err.Error(), "sub: "+tc.Fault)):
			t.Errorf("%+q (%s): %v, want %q", name, tc.What, err, tc.Fault)
		}
		if again := chat.TrimName(name); again != name {
			t.Errorf("%+q is trimmed again to %+q", name, again)
		}
	}
}

func TestValidateName_WhatAJSONTableCannotHold(t *testing.T) {
	for name, want := range map[string]string{
		"a\xffb":        "must be valid UTF-8",
		"caf\xe9":       "must be valid UTF-8",
		"\xed\xa0\x80":  "must be valid UTF-8", // a surrogate
		" ann":          "begins or ends with a blank",
		"ann\u3000":     "begins or ends with a blank",
		"\ufeff":        "begins or ends with a blank",
		"a\x1bb":        "has a control character, U+001B",
		"evil\u202egpj": "has a character that turns the direction of text, U+202E",
	} {
		if err := chat.ValidateName("client_id", name); err == nil || err.Error() != "client_id: "+want {
			t.Errorf("%+q: %v, want %q", name, err, want)
		}
	}
}

func FuzzTrimName(f *testing.F) {
	f.Add(" ann\u3000")
	f.Add("\u200b\u200d\u2028a\xff")
	f.Fuzz(func(t *testing.T, typed string) {
		name := chat.TrimName(typed)
		if !strings.Contains(typed, name) || chat.TrimName(name) != name {
			t.Errorf("%+q is trimmed to %+q", typed, name)
		}
		if err := chat.ValidateName("client_id", name); err != nil && errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%+q: %v", name, err)
		}
	})
}
