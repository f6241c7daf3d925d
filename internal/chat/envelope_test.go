package chat_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
)

func TestEnvelope_IsTheObjectThatClientsSeeWithVersionAndKind(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 120_000_000, time.UTC)
	m := chat.Message{ID: id, Room: "lobby", Seq: 7, ClientID: "ann", Msg: "1 < 2", SentAt: at, StoredAt: at}
	want := `x{"v":1,"kind":"message",` + strings.TrimPrefix(string(m.AppendJSON(nil)), "{")
	if got := string(m.AppendEnvelope([]byte("x"))); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestEnvelope_NamesTheEpoch(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 120_000_000, time.UTC)
	m := chat.Message{ID: id, Room: "lobby", Seq: 7, ClientID: "ann", Msg: "hi", SentAt: at, StoredAt: at, Epoch: "5f1c9a0e7b3d2846"}
	body := string(m.AppendEnvelope(nil))
	if want := `{"v":1,"kind":"message","epoch":"5f1c9a0e7b3d2846",` + strings.TrimPrefix(string(m.AppendJSON(nil)), "{"); body != want {
		t.Errorf("\n got %s\nwant %s", body, want)
	}
	if got, err := chat.ReadStored([]byte(body)); err != nil || got[0] != m {
		t.Errorf("stored: %+v, %v", got, err)
	}
	if got, err := chat.ReadAccepted([]byte(body)); err != nil || got[0].Epoch != "" {
		t.Errorf("accepted: %+v, %v", got, err)
	}
	if _, err := chat.ReadStored([]byte(strings.Replace(body, m.Epoch, "a;b", 1))); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("what is no epoch is read: %v", err)
	}
}

func TestEnvelope_KeepsEverything(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 120_000_000, time.UTC)
	a := chat.Message{ID: id, Room: "lobby", Seq: 7, ClientID: "ann", Msg: "👩‍👩‍👧‍👦\x00\u2028", SentAt: at, StoredAt: at.Add(time.Microsecond)}
	b := chat.Message{ID: id, Room: "No Name Of Today", Seq: 8, ClientID: "a\nb", Msg: "", SentAt: at, StoredAt: at.Add(time.Second)}
	one := a.AppendEnvelope(nil)
	list := b.AppendEnvelope(append(a.AppendEnvelope([]byte(" [")), ','))
	list = append(list, ']')
	for _, tc := range []struct {
		body []byte
		want []chat.Message
	}{{one, []chat.Message{a}}, {list, []chat.Message{a, b}}, {a.AppendJSON(nil), []chat.Message{a}}} {
		got, err := chat.ReadStored(tc.body)
		if err != nil || len(got) != len(tc.want) {
			t.Fatalf("%s: %d messages, %v", tc.body, len(got), err)
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: entry %d came back as %+v", tc.body, i, got[i])
			}
		}
	}
	accepted, err := chat.ReadAccepted(one)
	want := a
	want.Seq, want.StoredAt = 0, time.Time{}
	if err != nil || len(accepted) != 1 || accepted[0] != want {
		t.Errorf("accepted: %+v, %v", accepted, err)
	}
}

// entryOf returns an entry in which the text remove is replaced by add.
func entryOf(t *testing.T, remove, add string) string {
	t.Helper()
	m := chat.Message{ID: id, Room: "lobby", ClientID: "ann", Msg: "hi", SentAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	body := string(m.AppendEnvelope(nil))
	if remove != "" && !strings.Contains(body, remove) {
		t.Fatalf("%s has no %s", body, remove)
	}
	return strings.Replace(body, remove, add, 1)
}

func TestReadAccepted_TellsForeignFromBroken(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       errs.Code
		feature    chat.Feature
	}{
		{"as written", entryOf(t, "", ""), "", ""},
		{"members of a newer version", entryOf(t, `"v":1,`, `"v":1,"reply_to":7,"attachments":[{"x":1}],`), "", ""},
		{"no version", entryOf(t, `"v":1,`, ""), "", ""},
		{"no kind", entryOf(t, `"kind":"message",`, ""), "", ""},
		{"a newer version", entryOf(t, `"v":1`, `"v":2`), errs.Unavailable, "envelope:2"},
		{"a newer version with members of other types", entryOf(t, `"v":1`, `"v":2,"seq":"x"`), errs.Unavailable, "envelope:2"},
		{"another kind", entryOf(t, `"message"`, `"edit"`), errs.Unavailable, "kind:edit"},
		{"another kind in a list", "[" + entryOf(t, "", "") + "," + entryOf(t, `"message"`, `"edit"`) + "]", errs.Unavailable, "kind:edit"},
		{"a kind that is too long", entryOf(t, `"message"`, `"`+strings.Repeat("k", 65)+`"`), errs.Invalid, ""},
		{"a kind that is no text", entryOf(t, `"message"`, `7`), errs.Invalid, ""},
		{"a negative version", entryOf(t, `"v":1`, `"v":-1`), errs.Invalid, ""},
		{"a version that is no integer", entryOf(t, `"v":1`, `"v":"1"`), errs.Invalid, ""},
		{"an empty list", "[]", errs.Invalid, ""},
		{"a list of something else", "[1]", errs.Invalid, ""},
		{"no JSON", "hello", errs.Invalid, ""},
		{"no room", entryOf(t, `"room":"lobby",`, ""), errs.Invalid, ""},
		{"no id", entryOf(t, id, ""), errs.Invalid, ""},
		{"no time", entryOf(t, `,"sent_at":"2026-03-01T12:00:00.000000Z"`, ""), errs.Invalid, ""},
	} {
		_, err := chat.ReadAccepted([]byte(tc.body))
		if errs.CodeOf(err) != tc.want {
			t.Errorf("%s: %v has class %q, want %q", tc.name, err, errs.CodeOf(err), tc.want)
		}
		unknown, ok := errors.AsType[*chat.UnknownError](err)
		if ok != (tc.feature != "") || ok && unknown.Feature() != tc.feature {
			t.Errorf("%s: %v does not name %q", tc.name, err, tc.feature)
		}
	}
	if _, err := chat.ReadStored([]byte(entryOf(t, "", ""))); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("an accepted message is read as a stored one: %v", err)
	}
}

func TestKnows_NoKindOfATestInARelease(t *testing.T) {
	for _, f := range chat.BaseFeatures() {
		if !chat.Knows(f) {
			t.Errorf("this version does not know its own feature %s", f)
		}
	}
	if chat.Knows(chat.OfKind("edit")) {
		t.Error("this version says that it knows edits")
	}
	if got, want := len(chat.Features()), len(chat.BaseFeatures())+len(chat.AddedFeatures()); got != want {
		t.Errorf("%d features, want %d", got, want)
	}
}

func FuzzReadAccepted(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"message","id":"` + id + `","room":"lobby","client_id":"ann","msg":"hi","sent_at":"2026-03-01T12:00:00Z"}`))
	f.Add([]byte(`[{"v":2}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		messages, err := chat.ReadAccepted(body)
		if err != nil {
			if code := errs.CodeOf(err); code != errs.Invalid && code != errs.Unavailable {
				t.Errorf("%q: %v has class %s", body, err, code)
			}
			return
		}
		for _, m := range messages {
			again, err := chat.ReadAccepted(m.AppendEnvelope(nil))
			if err != nil || len(again) != 1 || again[0] != m {
				t.Errorf("%q: %+v came back as %+v, %v", body, m, again, err)
			}
		}
	})
}
