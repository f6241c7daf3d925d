package chat_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"restante/internal/chat"
	"restante/internal/errs"
)

const id = "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"

func TestMessage_JSONKeepsEverything(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 120_000_000, time.UTC)
	for _, msg := range []string{
		"hi", "<b>&amp;</b>", "שלום עולם", "👩‍👩‍👧‍👦", "line\u2028and\u2029paragraph", "quote \" back \\ tab \t nul \x00", " ",
	} {
		m := chat.Message{ID: id, Room: "lobby", Seq: 7, ClientID: "ann", Msg: msg, SentAt: at, StoredAt: at.Add(time.Microsecond)}
		var back chat.Message
		if err := json.Unmarshal(m.AppendJSON(nil), &back); err != nil || back != m {
			t.Errorf("%q: came back as %+v (%v)", msg, back, err)
		}
	}
}

func TestMessage_JSONIsWhatClientsSee(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 120_000_000, time.FixedZone("", 3600))
	m := chat.Message{ID: id, Room: "lobby", ClientID: "ann", Msg: "1 < 2", SentAt: at}
	want := `{"id":"` + id + `","room":"lobby","client_id":"ann","msg":"1 < 2","sent_at":"2026-03-01T11:00:00.120000Z"}`
	if got := string(m.AppendJSON([]byte("x"))); got != "x"+want {
		t.Errorf("accepted message:\n got %s\nwant x%s", got, want)
	}
}

func TestMessage_ValidateNamesEveryFault(t *testing.T) {
	valid := chat.Message{ID: id, Room: "lobby", ClientID: "ann", Msg: "hi"}
	if err := valid.Validate(); err != nil {
		t.Fatalf("a valid message: %v", err)
	}
	bad := chat.Message{ID: strings.ToUpper(id), Room: "Lobby", ClientID: "", Msg: ""}
	var fields []string
	for _, e := range errs.All(bad.Validate()) {
		if e.Code != errs.Invalid {
			t.Errorf("%v has class %s", e, e.Code)
		}
		fields = append(fields, e.Field)
	}
	if got := strings.Join(fields, " "); got != "room client_id msg id" {
		t.Errorf("faults of %+v: %q", bad, got)
	}
}

func TestValidate_Borders(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"room of 64", chat.ValidateRoom(strings.Repeat("a", 64)), true},
		{"room of 65", chat.ValidateRoom(strings.Repeat("a", 65)), false},
		{"room with punctuation", chat.ValidateRoom("0a.b_c-d"), true},
		{"room that begins with a dot", chat.ValidateRoom(".a"), false},
		{"room with a slash", chat.ValidateRoom("a/b"), false},
		{"room with an umlaut", chat.ValidateRoom("bär"), false},
		{"no room", chat.ValidateRoom(""), false},
		{"msg of 32 KiB", msg(strings.Repeat("a", chat.MaxMsgBytes)), true},
		{"msg of 32 KiB and one", msg(strings.Repeat("a", chat.MaxMsgBytes+1)), false},
		{"msg with broken UTF-8", msg("a\xc3"), false},
		{"msg of a surrogate", msg("\xed\xa0\x80"), false},
		{"msg of a NUL", msg("\x00"), true},
	} {
		if (tc.err == nil) != tc.ok {
			t.Errorf("%s: %v, want ok %v", tc.name, tc.err, tc.ok)
		}
	}
}

func msg(text string) error {
	m := chat.Message{ID: id, Room: "a", ClientID: "ann", Msg: text}
	return m.Validate()
}

func TestParseID_IsCanonical(t *testing.T) {
	if got, err := chat.ParseID(strings.ToUpper(id)); err != nil || got != id {
		t.Errorf("upper case: %q, %v", got, err)
	}
	for _, bad := range []string{"", "1", strings.ReplaceAll(id, "-", ""), "{" + id[1:], id[:35] + "g", id[:35] + "é"} {
		if got, err := chat.ParseID(bad); err == nil {
			t.Errorf("%q is accepted as a UUID: %q", bad, got)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(id)
	f.Add("not-a-uuid")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := chat.ParseID(s)
		if err != nil {
			return
		}
		if again, err := chat.ParseID(got); err != nil || again != got || !strings.EqualFold(got, s) {
			t.Errorf("%q becomes %q, then %q (%v)", s, got, again, err)
		}
	})
}

// Whatever the prefix, exactly the names that begin with it are between the two texts, in the order of bytes.
func TestRoomsWith_HasTheNamesOfThePrefix(t *testing.T) {
	name := rapid.StringMatching(`[a-c0z9][a-c0z9._-]{0,4}`)
	rapid.Check(t, func(t *rapid.T) {
		prefix, room := name.Draw(t, "prefix"), name.Draw(t, "room")
		if rapid.Bool().Draw(t, "inside") {
			room = prefix + room
		}
		after, before := chat.RoomsWith(prefix)
		if got := room > after && room < before; got != strings.HasPrefix(room, prefix) {
			t.Fatalf("%q is between %q and %q: %v", room, after, before, got)
		}
	})
	if after, before := chat.RoomsWith(""); after != "" || before != "" {
		t.Errorf("all rooms are between %q and %q", after, before)
	}
}
