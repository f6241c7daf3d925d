package chat_test

import (
	"testing"

	"restante/internal/chat"
)

func TestWhole(t *testing.T) {
	for text, want := range map[string]string{
		"18": "18", "18.0": "18", "18.000": "18", "-1.0": "-1", "0.0": "0",
		"18.5": "18.5", "18.": "18.", ".0": ".0", ".": ".", "1.0.0": "1.0.0", "1e2": "1e2", "": "", "a.0": "a",
	} {
		if got := chat.Whole(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestSpellings(t *testing.T) {
	known := chat.SpellingsOf("room", "after", "rev", "epoch", "client_id", chat.ResumeParam)
	for name, want := range map[string]string{
		"room": "", "client_id": "", "lastEventId": "",
		"rooms": "room", "Room": "room", "ROOM": "room", "ROOMS": "room", "room[]": "room", "rooms[]": "room", "room[0]": "room", " room": "room",
		"After": "after", "EPOCH": "epoch", "Rev": "rev", "a_f-ter": "after",
		"clientId": "client_id", "clientID": "client_id", "ClientId": "client_id", "client-id": "client_id", "clientid": "client_id", "client.id": "client_id",
		"lastEventID": "lastEventId", "lasteventid": "lastEventId", "Last-Event-ID": "lastEventId", "last_event_id": "lastEventId",
		// an application's own
		"": "", "_": "", "s": "", "[]": "", "ref": "", "rom": "", "roomy": "", "chatroom": "", "client": "", "id": "", "version": "", "v": "", "reviewer": "", "epochal": "", "hereafter": "",
	} {
		if got := known.Meant(name); got != want {
			t.Errorf("%q is taken for %q, want %q", name, got, want)
		}
	}
}
