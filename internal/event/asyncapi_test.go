package event_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"restante/internal/chat"
	"restante/internal/event"
	"restante/internal/testkit"
)

// spec is docs/api/asyncapi.yaml.
type spec struct {
	t        *testing.T
	document any
	compiler *jsonschema.Compiler
}

func readSpec(t *testing.T) *spec {
	t.Helper()
	text, err := os.ReadFile("../../docs/api/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	s := &spec{t: t, document: plain(t, document), compiler: jsonschema.NewCompiler()}
	s.compiler.DefaultDraft(jsonschema.Draft7)
	if err := s.compiler.AddResource("file:///asyncapi", s.document); err != nil {
		t.Fatal(err)
	}
	return s
}

// plain returns a value as encoding/json would have read it.
func plain(t *testing.T, value any) any {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	back, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// at returns what a path leads to, nil if there is nothing.
func (s *spec) at(path ...string) any {
	value := s.document
	for _, name := range path {
		m, _ := value.(map[string]any)
		value = m[name]
	}
	return value
}

// schema returns the schema of a message's headers or payload, nil if it has none.
func (s *spec) schema(message, part string) *jsonschema.Schema {
	s.t.Helper()
	if s.at("components", "messages", message, part) == nil {
		return nil
	}
	schema, err := s.compiler.Compile("file:///asyncapi#/components/messages/" + message + "/" + part)
	if err != nil {
		s.t.Fatal(err)
	}
	return schema
}

// fault returns why a message is not as the document says, nil if it is.
func (s *spec) fault(message string, w event.Wire) error {
	s.t.Helper()
	headers := map[string]any{}
	for name, value := range w.Headers {
		headers[name] = value
	}
	if schema := s.schema(message, "headers"); schema != nil {
		if err := schema.Validate(plain(s.t, headers)); err != nil {
			return fmt.Errorf("headers: %w", err)
		}
	}
	var payload any = string(w.Body)
	if w.ContentType != "text/plain" {
		var err error
		if payload, err = jsonschema.UnmarshalJSON(bytes.NewReader(w.Body)); err != nil {
			return err
		}
	}
	return s.schema(message, "payload").Validate(payload)
}

// examples returns the examples of a message as they would come over AMQP.
func (s *spec) examples(message string) []event.Wire {
	s.t.Helper()
	var wires []event.Wire
	list, _ := s.at("components", "messages", message, "examples").([]any)
	for _, e := range list {
		example := e.(map[string]any)
		w := event.Wire{Headers: map[string]any{}, ContentType: s.at("components", "messages", message, "contentType").(string)}
		if headers, ok := example["headers"].(map[string]any); ok {
			w.Headers = headers
		}
		if text, ok := example["payload"].(string); ok {
			w.Body = []byte(text)
		} else {
			w.Body, _ = json.Marshal(example["payload"])
		}
		wires = append(wires, w)
	}
	if len(wires) == 0 {
		s.t.Errorf("the message %s has no examples", message)
	}
	return wires
}

func TestAsyncAPI_IsAsTheStandardSays(t *testing.T) {
	const path = "../../test/e2e/js/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
	text, err := os.ReadFile(path)
	if err != nil {
		testkit.Missing(t, "the schema of AsyncAPI (make deps): %v", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("file:///schema", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("file:///schema")
	if err != nil {
		t.Fatal(err)
	}
	s := readSpec(t)
	if err := schema.Validate(s.document); err != nil {
		t.Error(err)
	}
	delete(s.at("info").(map[string]any), "title")
	if schema.Validate(s.document) == nil {
		t.Error("a document without a title is taken, too: this checks nothing")
	}
}

func TestAsyncAPI_HasWhatItRefersTo(t *testing.T) {
	s := readSpec(t)
	count := 0
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				count++
				if path, ok := strings.CutPrefix(ref, "#/"); !ok || s.at(strings.Split(path, "/")...) == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(s.document)
	if count < 20 {
		t.Errorf("%d references are too few: this checks nothing", count)
	}
}

func TestAsyncAPI_DescribesWhatIsAnnounced(t *testing.T) {
	s := readSpec(t)
	for _, msg := range []string{"hello", "\x00\"<&>\u2028😀", strings.Repeat("é", chat.MaxMsgBytes/2), strings.Repeat("x", chat.MaxMsgBytes)} {
		m := stored(msg)
		m.Room, m.ClientID, m.Seq = strings.Repeat("r", chat.MaxRoomBytes), strings.Repeat("c", chat.MaxClientIDBytes), 1<<53
		if err := s.fault("stored", event.Encode(m)); err != nil {
			t.Errorf("%.20q: %v", msg, err)
		}
	}
	example := s.examples("stored")[0]
	read, err := chat.ReadStored(example.Body)
	if err != nil || len(read) != 1 {
		t.Fatal(read, err)
	}
	m := read[0]
	if w := event.Encode(m); !reflect.DeepEqual(plain(t, w.Headers), plain(t, example.Headers)) || !sameJSON(w.Body, example.Body) {
		t.Errorf("the example is\n%v %s\nits message is announced as\n%v %s", example.Headers, example.Body, w.Headers, w.Body)
	}
	for _, name := range []string{"subject", "time", "room", "id"} {
		w := event.Encode(m)
		delete(w.Headers, "cloudEvents:"+name)
		if s.fault("stored", w) == nil {
			t.Errorf("a message without %s is taken, too", name)
		}
	}
}

func TestAsyncAPI_DescribesWhatTheInboxTakes(t *testing.T) {
	s := readSpec(t)
	for _, message := range []string{"plain", "event", "text", "structured"} {
		for _, example := range s.examples(message) {
			if err := s.fault(message, example); err != nil {
				t.Errorf("an example of %s: %v", message, err)
			}
			m, err := event.DecodeInbox(example, "ops")
			if err != nil || m.Room != "ops" || m.ClientID != "shop" || m.Msg != "Order 7 is paid" || m.ID != anID && m.ID != derived("/shop order-7") {
				t.Errorf("an example of %s becomes %+v (%v)", message, m, err)
			}
		}
	}
	for name, w := range map[string]event.Wire{ // what one of both refuses the other must not allow
		"plain":      {ContentType: "application/json", Body: []byte(`{"msg":"a","client_id":"b","colour":"red"}`)},
		"event":      {ContentType: "application/json", Headers: ce("source", ""), Body: []byte(`{"msg":"a","client_id":"b"}`)},
		"text":       {ContentType: "text/plain", Headers: ce(), Body: []byte("a")},
		"structured": {ContentType: "application/cloudevents+json", Body: []byte(`{"specversion":"1.0","id":"1","source":"/","type":"x"}`)},
	} {
		_, err := event.DecodeInbox(w, "ops")
		if fault := s.fault(name, w); err == nil || fault == nil {
			t.Errorf("%s: %s is refused with %v, and by the document with %v", name, w.Body, err, fault)
		}
	}
}

// TestEventsPage_ShowsTheExamples holds that every JSON text in the page for producers and consumers is an example that
// the tests above have checked, and that every such example is there.
func TestEventsPage_ShowsTheExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/api/events.md")
	if err != nil {
		t.Fatal(err)
	}
	s := readSpec(t)
	var examples []any
	for _, message := range []string{"stored", "plain", "event", "structured"} {
		for _, e := range s.at("components", "messages", message, "examples").([]any) {
			examples = append(examples, e.(map[string]any)["payload"])
		}
	}
	shown := make([]bool, len(examples))
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(block[1]))
		if err != nil {
			t.Errorf("%s: %v", block[1], err)
		}
		known := false
		for i, example := range examples {
			if reflect.DeepEqual(value, example) {
				known, shown[i] = true, true
			}
		}
		if !known {
			t.Errorf("the page shows what is no example of the document:\n%s", block[1])
		}
	}
	for i, ok := range shown {
		if !ok {
			t.Errorf("the page does not show %v", examples[i])
		}
	}
	for _, must := range []string{event.Namespace, derived("/shop order-7"), event.StoredType, fmt.Sprintf("%d KiB", event.MaxBody>>10)} {
		if !strings.Contains(string(page), must) {
			t.Errorf("the page does not name %s", must)
		}
	}
	if !utf8.Valid(page) {
		t.Error("the page is not UTF-8")
	}
}

func sameJSON(a, b []byte) bool {
	va, errA := jsonschema.UnmarshalJSON(bytes.NewReader(a))
	vb, errB := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	return errA == nil && errB == nil && reflect.DeepEqual(va, vb)
}
