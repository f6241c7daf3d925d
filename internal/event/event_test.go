package event_test

import (
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/event"
)

const anID = "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"

func stored(msg string) chat.Message {
	at := time.Date(2026, 3, 1, 11, 0, 0, 120_000_000, time.UTC)
	return chat.Message{ID: anID, Room: "lobby", Seq: 42, ClientID: "ann", Msg: msg, SentAt: at, StoredAt: at.Add(1034 * time.Microsecond)}
}

func TestEncode_IsWhatTheDocumentationSays(t *testing.T) {
	w := event.Encode(stored("hello"))
	for name, want := range map[string]string{
		"specversion": "1.0", "type": "restante.message.stored", "source": "/rooms/lobby", "id": anID, "subject": "42",
		"time": "2026-03-01T11:00:00.121034Z", "room": "lobby",
	} {
		if got := w.Headers["cloudEvents:"+name]; got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
		delete(w.Headers, "cloudEvents:"+name)
	}
	if len(w.Headers) > 0 || w.ContentType != "application/json" || w.ID != anID || !w.Time.Equal(stored("").StoredAt) {
		t.Errorf("besides: %+v", w)
	}
	want := `{"id":"` + anID + `","room":"lobby","seq":42,"client_id":"ann","msg":"hello","sent_at":"2026-03-01T11:00:00.120000Z","stored_at":"2026-03-01T11:00:00.121034Z"}`
	if string(w.Body) != want {
		t.Errorf("the body is\n%s, want\n%s", w.Body, want)
	}
}

func TestDecode_GivesBackWhatEncodeTook(t *testing.T) {
	for _, msg := range []string{"hello", "<b>&amp;</b>", "👩‍👩‍👧‍👦 שלום", "\x00\u2028\"\\", strings.Repeat("\x01", chat.MaxMsgBytes)} {
		m := stored(msg)
		m.Seq = 1 << 40
		if got, err := event.Decode(event.Encode(m)); err != nil || got != m {
			t.Errorf("%.40q came back as %+v (%v)", msg, got, err)
		}
	}
}

func TestDecode_RefusesWhatIsNoStoredMessage(t *testing.T) {
	good := string(event.Encode(stored("hello")).Body)
	for name, body := range map[string]string{
		"nothing":          "",
		"no JSON":          "hello",
		"a list":           "[]",
		"no number":        strings.Replace(good, `"seq":42,`, "", 1),
		"a negative one":   strings.Replace(good, `42`, "-1", 1),
		"no id":            strings.Replace(good, anID, "x", 1),
		"a room":           strings.Replace(good, `"lobby"`, `"Lobby"`, 1),
		"no msg":           strings.Replace(good, `"msg":"hello",`, "", 1),
		"not stored":       strings.Replace(good, `"stored_at"`, `"restored_at"`, 1),
		"a time":           strings.Replace(good, `2026-03-01T11:00:00.120000Z`, "now", 1),
		"two of it":        good + good,
		"half of it":       good[:len(good)/2],
		"a plain message":  `{"msg":"hi","client_id":"ann"}`,
		"a number as text": strings.Replace(good, "42", `"42"`, 1),
	} {
		if m, err := event.Decode(event.Wire{Body: []byte(body)}); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// FuzzDecode holds that whatever is taken for a stored message is one, and survives the way through Encode.
func FuzzDecode(f *testing.F) {
	f.Add(event.Encode(stored("hello")).Body)
	f.Add([]byte(`{"seq":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := event.Decode(event.Wire{Body: body})
		if err != nil {
			if errs.CodeOf(err) != errs.Invalid {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if err := m.Validate(); err != nil || m.Seq < 1 {
			t.Errorf("%q became %+v: %v", body, m, err)
		}
		if m.SentAt.Year() < 0 || m.SentAt.Year() > 9999 || m.StoredAt.Year() < 0 || m.StoredAt.Year() > 9999 {
			return // made by a zone; nobody writes such times
		}
		if again, err := event.Decode(event.Encode(m)); err != nil || again != m {
			t.Errorf("%+v became %+v (%v)", m, again, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	m := stored(strings.Repeat("x", 200))
	b.ReportAllocs()
	for b.Loop() {
		event.Encode(m)
	}
}

func BenchmarkDecode(b *testing.B) {
	w := event.Encode(stored(strings.Repeat("x", 200)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Decode(w); err != nil {
			b.Fatal(err)
		}
	}
}
