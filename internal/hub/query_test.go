package hub

import (
	"strings"
	"testing"
)

func TestHub_ConnectNamesWhatLooksLikeAParameter(t *testing.T) {
	const resume = "is not a parameter of the hub; a cursor is written after and epoch"
	for query, want := range map[string]string{
		"rooms=a":               "rooms: is not a parameter of the hub; it is written room",
		"Room=a":                "Room: is not a parameter of the hub; it is written room",
		"ROOM=a&room=b":         "ROOM: is not a parameter of the hub; it is written room",
		"room[]=a&room[]=b":     "room[]: is not a parameter of the hub; it is written room",
		"room=a&After=1":        "After: is not a parameter of the hub; it is written after",
		"room=a&after=1&EPOCH=": "EPOCH: is not a parameter of the hub; it is written epoch",
		"room=a&Rev=1":          "Rev: is not a parameter of the hub; it is written rev",
		"clientId=ann":          "clientId: is not a parameter of the hub; it is written client_id",
		"client-id=ann":         "client-id: is not a parameter of the hub; it is written client_id",
		"room=a&lastEventId=5":  "lastEventId: " + resume,
		"room=a&Last-Event-ID=": "Last-Event-ID: " + resume,
		"Room=a&clientid=b&lastEventID=1": "Room: is not a parameter of the hub; it is written room; clientid: is not a parameter of the hub; it is written client_id; " +
			"lastEventID: " + resume,
		"room=a&after=":               "after: is empty; leave it out or give it a value",
		"room=a&after":                "after: is empty; leave it out or give it a value",
		"room=a&after=0&epoch=":       "epoch: is empty; leave it out or give it a value",
		"room=a&after=0&rev=":         "rev: is empty; leave it out or give it a value",
		"room=a&room=b&epoch=&epoch=": "epoch: is empty; leave it out or give it a value",
		"client_id=a&client_id=b":     "client_id: is given more than once",
		"client_id=&client_id=b":      "client_id: is given more than once",
		"room=a&client_id=":           "",
		"room=":                       "",
		"room":                        "",
		"room=a&rev=&rev=0&room=b&after=0&after=0": "",
		// an application's own
		"room=a&v=2&_=123&user=x&roomId=7&ref=mail&limit=5&since=x&tenant=a&tenant=b&": "",
	} {
		h := start(t, &history{})
		p := newPeer()
		s, err := h.connect(anyone(t.Context()), p, signalrJSON, queryOf(t, query))
		p.end()
		if err == nil {
			s.Close()
		}
		if want == "" != (err == nil) || err != nil && hubError(err).Error() != "invalid: "+want {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	var many strings.Builder
	for range 1000 {
		many.WriteString("&room[" + strings.Repeat("x", many.Len()%100) + "]=")
	}
	if _, err := start(t, &history{}).connect(anyone(t.Context()), newPeer(), signalrJSON, queryOf(t, many.String())); err == nil || len(err.Error()) > 1500 {
		t.Errorf("many: %v", err)
	}
}
