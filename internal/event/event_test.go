package event_test

import (
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/event"
)

const anID = "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"

func stored(msg string) chat.Message {
	at := time.Date(2026, 3, 1, 11, 0, 0, 120_000_000, time.UTC)
	return chat.Message{ID: anID, Room: "lobby", Seq: 42, ClientID: "ann", Msg: msg, SentAt: at, StoredAt: at.Add(1034 * time.Microsecond), Epoch: "5f1c9a0e7b3d2846"}
}

func TestEncode_IsWhatTheDocumentationSays(t *testing.T) {
	w := event.Encode(stored("hello"))
	for name, want := range map[string]string{
		"specversion": "1.0", "type": "restante.message.stored", "source": "/rooms/lobby", "id": anID, "subject": "42",
		"time": "2026-03-01T11:00:00.121034Z", "room": "lobby", "epoch": "5f1c9a0e7b3d2846",
	} {
		if got := w.Headers["cloudEvents:"+name]; got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
		delete(w.Headers, "cloudEvents:"+name)
	}
	if len(w.Headers) > 0 || w.ContentType != "application/json" || w.ID != anID || !w.Time.Equal(stored("").StoredAt) {
		t.Errorf("besides: %+v", w)
	}
	want := `{"v":1,"kind":"message","epoch":"5f1c9a0e7b3d2846","id":"` + anID + `","room":"lobby","seq":42,"client_id":"ann","msg":"hello","sent_at":"2026-03-01T11:00:00.120000Z","stored_at":"2026-03-01T11:00:00.121034Z"}`
	if string(w.Body) != want {
		t.Errorf("the body is\n%s, want\n%s", w.Body, want)
	}
}

func TestEncode_OfAVersionBeforeEpochsNamesNone(t *testing.T) {
	m := stored("hello")
	m.Epoch = ""
	w := event.Encode(m)
	if _, has := w.Headers["cloudEvents:epoch"]; has || strings.Contains(string(w.Body), "epoch") {
		t.Errorf("%v %s", w.Headers, w.Body)
	}
}

func TestEncode_IsReadBack(t *testing.T) {
	for _, msg := range []string{"hello", "<b>&amp;</b>", "👩‍👩‍👧‍👦 שלום", "\x00\u2028\"\\", strings.Repeat("\x01", chat.MaxMsgBytes)} {
		m := stored(msg)
		m.Seq = 1 << 40
		if got, err := chat.ReadStored(event.Encode(m).Body); err != nil || len(got) != 1 || got[0] != m {
			t.Errorf("%.40q came back as %+v (%v)", msg, got, err)
		}
	}
}

// TestEncode_TwoSendersWithOneIDAreTwoEvents: source and id together are unique, however often an event is announced.
func TestEncode_TwoSendersWithOneIDAreTwoEvents(t *testing.T) {
	first, second := stored("hello"), stored("hi")
	second.Seq, second.ClientID, second.IDTaken = 43, "bob", true
	for range 2 { // a repeat of the announcement is the same event
		for m, want := range map[chat.Message]string{first: anID, second: anID + ".43"} {
			w := event.Encode(m)
			if w.ID != want || w.Headers["cloudEvents:id"] != want || w.Headers["cloudEvents:source"] != "/rooms/lobby" {
				t.Errorf("%s: id %s, %v, want %s", m.ClientID, w.ID, w.Headers, want)
			}
			m.IDTaken = false // it is neither shown nor read back
			if got, err := chat.ReadStored(w.Body); err != nil || len(got) != 1 || got[0] != m {
				t.Errorf("%s came back as %+v (%v)", m.ClientID, got, err)
			}
			if got, ok := event.Passed(w.Headers, "lobby"); !ok || got != m.Passed() {
				t.Errorf("%s was passed as %+v (%v)", m.ClientID, got, ok)
			}
		}
	}
}

func TestPassed_ReadsOnlyTheHeadersOfStoredMessages(t *testing.T) {
	m := stored("hello")
	m.Epoch = "a1b2c3d4e5f60718"
	if got, ok := event.Passed(event.Encode(m).Headers, "lobby"); !ok || got != m.Passed() {
		t.Errorf("%+v, %v", got, ok)
	}
	for header, value := range map[string]any{
		"type": "restante.message.edited", "id": "", "subject": "0", "room": "ops", "": nil,
	} {
		w := event.Encode(m)
		w.Headers["cloudEvents:"+header] = value
		if header == "" {
			w.Headers = nil
		}
		if got, ok := event.Passed(w.Headers, "lobby"); ok {
			t.Errorf("%s is %v: taken as %+v", header, value, got)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	m := stored(strings.Repeat("x", 200))
	b.ReportAllocs()
	for b.Loop() {
		event.Encode(m)
	}
}

func BenchmarkReadStored(b *testing.B) {
	w := event.Encode(stored(strings.Repeat("x", 200)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := chat.ReadStored(w.Body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPassed(b *testing.B) {
	w := event.Encode(stored(strings.Repeat("x", 200)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := event.Passed(w.Headers, "lobby"); !ok {
			b.Fatal("not read")
		}
	}
}
