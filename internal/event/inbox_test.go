package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/event"
)

// ce returns the headers of an event, with others in addition or instead; "" removes one.
func ce(others ...string) map[string]any {
	h := map[string]any{
		"cloudEvents:specversion": "1.0", "cloudEvents:id": "order-7", "cloudEvents:source": "/shop", "cloudEvents:type": "order.paid",
	}
	for i := 0; i < len(others); i += 2 {
		h["cloudEvents:"+others[i]] = others[i+1]
		if others[i+1] == "" {
			delete(h, "cloudEvents:"+others[i])
		}
	}
	return h
}

// derived returns the id that docs/api/events.md tells producers to expect.
func derived(name string) string {
	return uuid.NewSHA1(uuid.MustParse(event.Namespace), []byte(name)).String()
}

func TestDecodeInbox_Forms(t *testing.T) {
	const jsonType, structured = "application/json", "application/cloudevents+json; charset=UTF-8"
	order := derived("/shop order-7")
	for _, tc := range []struct {
		name string
		key  string
		wire event.Wire
		want chat.Message
	}{
		{"plain", "ops", event.Wire{ContentType: jsonType, Body: []byte(`{"msg":"hi","client_id":"ann"}`)}, chat.Message{Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"plain, no type, no key", "", event.Wire{Body: []byte(` {"client_id":"ann","msg":"hi"}` + "\n")}, chat.Message{Room: "lobby", ClientID: "ann", Msg: "hi"}},
		{"plain, room in the body", "", event.Wire{Body: []byte(`{"msg":"hi","client_id":"ann","room":"ops"}`)}, chat.Message{Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"plain, room twice", "ops", event.Wire{Body: []byte(`{"msg":"hi","client_id":"ann","room":"ops"}`)}, chat.Message{Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"plain, id", "ops", event.Wire{ID: "other", Body: []byte(`{"msg":"hi","client_id":"ann","id":"` + strings.ToUpper(anID) + `"}`)}, chat.Message{ID: anID, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"plain, message_id", "ops", event.Wire{ID: strings.ToUpper(anID), Body: []byte(`{"msg":"hi","client_id":"ann"}`)}, chat.Message{ID: anID, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"plain, message_id that is no UUID", "ops", event.Wire{ID: "n1", Body: []byte(`{"msg":"hi","client_id":"ann"}`)}, chat.Message{ID: derived(" n1"), Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"plain, every escape", "ops", event.Wire{Body: []byte(`{"msg":"\u0000\ud83d\ude00","client_id":"ann"}`)}, chat.Message{Room: "ops", ClientID: "ann", Msg: "\x00😀"}},

		{"binary", "ops", event.Wire{ID: "ignored", ContentType: jsonType, Headers: ce(), Body: []byte(`{"msg":"hi","client_id":"ann"}`)}, chat.Message{ID: order, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"binary, the other prefix", "ops", event.Wire{Headers: map[string]any{
			"cloudEvents_specversion": []byte("1.0"), "cloudEvents_id": "order-7", "cloudEvents_source": "/shop", "cloudEvents_type": "x",
			"cloudEvents_tries": int32(3), "cloudEvents_test": false, "cloudEvents_time": time.Now(), "other": nil,
		}, Body: []byte(`{"msg":"hi","client_id":"ann"}`)}, chat.Message{ID: order, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"binary, UUID", "ops", event.Wire{Headers: ce("id", anID), Body: []byte(`{"msg":"hi","client_id":"ann"}`)}, chat.Message{ID: anID, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"binary, id in the data", "ops", event.Wire{Headers: ce(), Body: []byte(`{"msg":"hi","client_id":"ann","id":"` + anID + `"}`)}, chat.Message{ID: anID, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"binary, attributes", "", event.Wire{Headers: ce("room", "ops", "clientid", "shop"), Body: []byte(`{"msg":"hi"}`)}, chat.Message{ID: order, Room: "ops", ClientID: "shop", Msg: "hi"}},
		{"binary, text", "ops", event.Wire{ContentType: "text/plain; charset=utf-8", Headers: ce("clientid", "shop"), Body: []byte(" paid ✓\n")}, chat.Message{ID: order, Room: "ops", ClientID: "shop", Msg: " paid ✓\n"}},

		{"blanks around the name", "ops", event.Wire{ContentType: "application/json", Headers: ce("clientid", "ann"), Body: []byte(`{"msg":" hi ","client_id":" ann\u3000"}`)}, chat.Message{ID: order, Room: "ops", ClientID: "ann", Msg: " hi "}},
		{"a blank name in the event", "ops", event.Wire{ContentType: "application/json", Headers: ce("clientid", "ann"), Body: []byte(`{"msg":"hi","client_id":"\ufeff"}`)}, chat.Message{ID: order, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"structured", "ops", event.Wire{ContentType: structured, Body: []byte(`{"specversion":"1.0","id":"order-7","source":"/shop","type":"x","n":3,"ok":true,"none":null,"data":{"msg":"hi","client_id":"ann"}}`)}, chat.Message{ID: order, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"structured, text", "", event.Wire{ContentType: structured, Body: []byte(`{"specversion":"1.0","id":"order-7","source":"/shop","type":"x","datacontenttype":"text/plain","room":"ops","clientid":"shop","data":"\u0068i"}`)}, chat.Message{ID: order, Room: "ops", ClientID: "shop", Msg: "hi"}},
		{"structured, Base64", "ops", event.Wire{ContentType: structured, Body: []byte(`{"specversion":"1.0","id":"order-7","source":"/shop","type":"x","datacontenttype":"application/json","data_base64":"eyJtc2ciOiJoaSIsImNsaWVudF9pZCI6ImFubiJ9"}`)}, chat.Message{ID: order, Room: "ops", ClientID: "ann", Msg: "hi"}},
		{"structured, text as Base64", "ops", event.Wire{ContentType: structured, Body: []byte(`{"specversion":"1.0","id":"order-7","source":"/shop","type":"x","datacontenttype":"text/plain","clientid":"shop","data_base64":"aGk="}`)}, chat.Message{ID: order, Room: "ops", ClientID: "shop", Msg: "hi"}},
	} {
		if got, err := event.DecodeInbox(tc.wire, tc.key); err != nil || got != tc.want {
			t.Errorf("%s: %+v (%v), want %+v", tc.name, got, err, tc.want)
		}
	}
}

// fault is a message for the inbox, and a part of the reason why it is none.
type fault struct {
	name string
	wire event.Wire
	want string
}

func refuses(t *testing.T, faults []fault) {
	t.Helper()
	for _, tc := range faults {
		m, err := event.DecodeInbox(tc.wire, "ops")
		if errs.CodeOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) {
			t.Errorf("%s: %+v, %q, want %q", tc.name, m, errs.Public(err), tc.want)
		}
	}
}

func TestDecodeInbox_SaysWhatIsWrong(t *testing.T) {
	plain := func(body string) event.Wire {
		return event.Wire{ContentType: "application/json", Body: []byte(body)}
	}
	const good = `{"msg":"hi","client_id":"ann"}`
	refuses(t, []fault{
		{"nothing", event.Wire{}, "must be a JSON object such as"},
		{"text", plain("hi"), "is not valid JSON in UTF-8, at byte 0"},
		{"half an object", plain(`{"msg":"hi"`), "is not valid JSON"},
		{"two objects", plain(good + good), "is not valid JSON"},
		{"a list", plain(`[` + good + `]`), "must be a JSON object"},
		{"an unknown field", plain(`{"msg":"hi","client_id":"ann","colour":"red"}`), `not known, "colour"`},
		{"another case", plain(`{"Msg":"hi","client_id":"ann"}`), `not known, "Msg"`},
		{"a stored message", plain(string(event.Encode(stored("hello")).Body)), `not known, "v"`},
		{"a field twice", plain(`{"msg":"hi","msg":"ho","client_id":"ann"}`), `"msg" more than once`},
		{"a number", plain(`{"msg":7,"client_id":"ann"}`), `"msg" must be a text`},
		{"broken UTF-8", plain("{\"msg\":\"\xff\",\"client_id\":\"ann\"}"), "is not valid JSON in UTF-8"},
		{"half a surrogate", plain(`{"msg":"\ud83d","client_id":"ann"}`), "is not valid JSON in UTF-8"},
		{"no msg", plain(`{"client_id":"ann"}`), "msg: must be 1 to 32768 bytes"},
		{"no client_id", plain(`{"msg":"hi"}`), "client_id: must be 1 to 128 bytes"},
		{"a blank client_id", plain(`{"msg":"hi","client_id":" "}`), "client_id: must be 1 to 128 bytes"},
		{"a client_id that turns text", plain(`{"msg":"hi","client_id":"a\u2066b"}`), "client_id: has a character that turns the direction of text, U+2066"},
		{"a clientid that is not UTF-8", event.Wire{Headers: ce("clientid", "caf\xe9"), Body: []byte(good)}, "clientid: must be valid UTF-8"},
		{"a room that is not UTF-8", event.Wire{Headers: ce("room", "caf\xe9"), Body: []byte(good)}, "room: must be valid UTF-8"},
		{"a clientid that acts", event.Wire{ContentType: "text/plain", Headers: ce("clientid", "a\x1b[2J"), Body: []byte("hi")}, "client_id: has a control character, U+001B"},
		{"neither", plain(`{}`), "client_id: must be 1 to 128 bytes long, is 0; msg: must be"},
		{"a long msg", plain(`{"msg":"` + strings.Repeat("x", chat.MaxMsgBytes+1) + `","client_id":"ann"}`), "is 32769"},
		{"a long body", plain(strings.Repeat(" ", event.MaxBody+1)), "body: must be at most 262144 bytes long, is 262145"},
		{"an id", plain(`{"msg":"hi","client_id":"ann","id":"7"}`), "id: must be a UUID"},
		{"another room", plain(`{"msg":"hi","client_id":"ann","room":"lobby"}`), `room: is given twice and differs: "ops" and "lobby"`},
		{"a type", event.Wire{ContentType: "text/plain", Body: []byte("hi")}, "content_type: must be application/json"},
		{"no type", event.Wire{ContentType: "/", Body: []byte(good)}, "must be a media type"},
		{"another charset", event.Wire{ContentType: "application/json; charset=latin1", Body: []byte(good)}, "must be in UTF-8"},
		{"a batch", event.Wire{ContentType: "application/cloudevents-batch+json", Body: []byte("[]")}, "one event a message"},

		{"another version", event.Wire{Headers: ce("specversion", "0.3"), Body: []byte(good)}, `specversion: must be 1.0, is "0.3"`},
		{"no version", event.Wire{Headers: ce("specversion", ""), Body: []byte(good)}, `specversion: must be 1.0, is ""`},
		{"no id", event.Wire{Headers: ce("id", ""), Body: []byte(good)}, "id: is missing"},
		{"no source", event.Wire{Headers: ce("source", ""), Body: []byte(good)}, "source: is missing"},
		{"no event type", event.Wire{Headers: ce("type", ""), Body: []byte(good)}, "type: is missing"},
		{"a source", event.Wire{Headers: ce("source", "a b"), Body: []byte(good)}, "source: must be a URI reference"},
		{"no data", event.Wire{Headers: ce()}, "data: is missing"},
		{"data of another type", event.Wire{ContentType: "image/png", Headers: ce(), Body: []byte("x")}, "datacontenttype: must be"},
		{"two senders", event.Wire{Headers: ce("clientid", "bob"), Body: []byte(good)}, `client_id: is given twice and differs: "bob" and "ann"`},
		{"two rooms", event.Wire{Headers: ce("room", "lobby"), Body: []byte(good)}, `room: is given twice`},
		{"text that is none", event.Wire{ContentType: "text/plain", Headers: ce("clientid", "shop"), Body: []byte("\xff")}, "must be valid UTF-8"},
		{"text without a sender", event.Wire{ContentType: "text/plain", Headers: ce(), Body: []byte("hi")}, "client_id: must be"},
	})
}

func TestDecodeInbox_SaysWhatIsWrongWithAStructuredEvent(t *testing.T) {
	const good = `{"msg":"hi","client_id":"ann"}`
	structured := func(members string) event.Wire {
		return event.Wire{ContentType: "application/cloudevents+json", Body: []byte(`{"specversion":"1.0","id":"1","source":"/shop","type":"x",` + members + `}`)}
	}
	refuses(t, []fault{
		{"structured without data", structured(`"x":1`), "data: is missing"},
		{"structured with both", structured(`"data":{},"data_base64":""`), "is given twice"},
		{"structured, no Base64", structured(`"data_base64":"?"`), "must be a text in Base64"},
		{"structured, no text", structured(`"datacontenttype":"text/plain","data":{}`), "data: must be a text"},
		{"structured, no object", structured(`"data":"hi"`), "must be a JSON object"},
		{"structured, a list for an attribute", structured(`"tags":[],"data":` + good), `"tags" must be a text, a number or a boolean`},
		{"structured, no JSON", event.Wire{ContentType: "application/cloudevents+json", Body: []byte("x")}, "is not valid JSON"},
		{"structured, an attribute twice", structured(`"id":"2","data":` + good), `"id" more than once`},
		{"structured, null id", event.Wire{ContentType: "application/cloudevents+json", Body: []byte(`{"specversion":"1.0","id":null,"source":"/","type":"x","data":` + good + `}`)}, "id: is missing"},
	})
}

// FuzzDecodeInbox holds that no message breaks the decoder, that every refusal is a reason for its producer, and that
// what is taken is a message that Accept takes, the same each time.
func FuzzDecodeInbox(f *testing.F) {
	f.Add("ops", "", "", "", "", []byte(`{"msg":"hi","client_id":"ann"}`))
	f.Add("ops", "x", "application/json", "1", "/shop", []byte(`{"msg":"hi","client_id":"ann"}`))
	f.Add("", "x", "text/plain;charset=utf-8", "1", "/shop", []byte("hi"))
	f.Add("", "", "application/cloudevents+json", "", "", []byte(`{"specversion":"1.0","id":"1","source":"/","type":"x","data_base64":"e30=","room":"a"}`))
	f.Add("", "", "application/cloudevents+json", "", "", []byte(`{"specversion":"1.0","id":"1","source":"/","type":"x","clientid":"a","datacontenttype":"text/plain","data":"a"}`))
	f.Fuzz(func(t *testing.T, room, id, contentType, eventID, source string, body []byte) {
		w := event.Wire{ID: id, ContentType: contentType, Body: body}
		if eventID != "" || source != "" {
			w.Headers = ce("id", eventID, "source", source, "clientid", "shop")
		}
		m, err := event.DecodeInbox(w, room)
		if err != nil {
			if errs.CodeOf(err) != errs.Invalid || errs.Public(err) == "" || len(errs.Public(err)) > 4000 {
				t.Errorf("%q, %+v: %v", room, w, err)
			}
			return
		}
		if again, err := event.DecodeInbox(w, room); err != nil || again != m {
			t.Errorf("%q, %+v: first %+v, then %+v (%v)", room, w, m, again, err)
		}
		if m.ID == "" {
			m.ID = anID
		}
		if err := m.Validate(); err != nil {
			t.Errorf("%q, %+v: %+v: %v", room, w, m, err)
		}
	})
}

func BenchmarkDecodeInbox(b *testing.B) {
	w := event.Wire{Headers: ce(), Body: []byte(`{"msg":"` + strings.Repeat("x", 200) + `","client_id":"ann"}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.DecodeInbox(w, "ops"); err != nil {
			b.Fatal(err)
		}
	}
}
