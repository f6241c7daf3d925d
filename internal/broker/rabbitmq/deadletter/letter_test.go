package deadletter

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.MainWithoutBinary(m) }

func TestNew_KeepsTheMessageAsItWas(t *testing.T) {
	original := &amqp.Delivery{
		Exchange: "restante.inbox", RoutingKey: "ops", Body: []byte("\xff\x00"), ContentType: "image/png", ContentEncoding: "gzip",
		CorrelationId: "c", ReplyTo: "r", MessageId: "m", Type: "t", AppId: "a", Priority: 3, Timestamp: time.Unix(1, 0),
		UserId: "eve", Expiration: "1", DeliveryMode: amqp.Transient,
		Headers: amqp.Table{"cloudEvents:id": "7", "deep": amqp.Table{"n": int32(1)}, link.DeliveriesHeader: int64(4)},
	}
	p := letterPublishing(original, "it is an image", FromInbox)
	letter := deliveryOf(p)
	l := parse(letter)
	want := Letter{ID: l.ID, MessageID: "m", Room: "ops", Reason: "it is an image", From: FromInbox, DiedAt: l.DiedAt, Size: 2, key: "ops", known: true}
	if l != want || uuid.Validate(l.ID) != nil || time.Since(l.DiedAt) > time.Minute {
		t.Errorf("the letter reads %+v", l)
	}
	if p.UserId != "" || p.Expiration != "" || p.DeliveryMode != amqp.Persistent {
		t.Errorf("%+v would be refused, or not be kept", p)
	}
	again := replayPublishing(letter, &l)
	if len(again.Headers) != 3 || again.Headers["cloudEvents:id"] != "7" || again.Headers[headerReplays] != int64(1) || again.Headers["deep"] == nil {
		t.Errorf("it is replayed with the headers %v", again.Headers)
	}
	again.Headers, again.UserId, again.Expiration = nil, original.UserId, original.Expiration
	if got, want := fmt.Sprintf("%+v", again), fmt.Sprintf("%+v", amqp.Publishing{
		ContentType: "image/png", ContentEncoding: "gzip", CorrelationId: "c", ReplyTo: "r", MessageId: "m", Type: "t", AppId: "a", Priority: 3,
		Timestamp: time.Unix(1, 0), UserId: "eve", Expiration: "1", DeliveryMode: amqp.Persistent, Body: []byte("\xff\x00"),
	}); got != want {
		t.Errorf("it is replayed as\n%s, want\n%s", got, want)
	}
	if len(original.Headers) != 3 {
		t.Errorf("the original has the headers %v now", original.Headers)
	}
}

func TestNew_FitsIntoAFrame(t *testing.T) {
	original := &amqp.Delivery{Body: []byte("x"), Headers: amqp.Table{"list": []any{strings.Repeat("x", maxHeaders)}}}
	p := letterPublishing(original, strings.Repeat("é", maxReason), FromInbox)
	if size := tableSize(p.Headers); size > maxReason+500 || p.Headers[headerOmitted] == nil {
		t.Errorf("%d bytes of headers", size)
	}
	if reason := link.HeaderText(p.Headers, headerReason); len(reason) != maxReason || !strings.HasSuffix(reason, "é") {
		t.Errorf("a reason of %d bytes", len(reason))
	}
}

func TestNew_CountsReplays(t *testing.T) {
	d := &amqp.Delivery{Body: []byte("x")} // no id: that of the first letter stays with it
	for n := range int64(3) {
		p := letterPublishing(d, "bad", FromIntake)
		if l := parse(deliveryOf(p)); l.Replays != n {
			t.Errorf("after %d replays the letter says %d", n, l.Replays)
		}
		letter := parse(deliveryOf(p))
		again := replayPublishing(deliveryOf(p), &letter)
		if d.MessageId != "" && again.MessageId != d.MessageId || again.MessageId == "" {
			t.Errorf("replay %d changes the id from %q to %q", n, d.MessageId, again.MessageId)
		}
		d = deliveryOf(again)
	}
}

func TestParse_OfForeignPrograms(t *testing.T) {
	a, b := parse(&amqp.Delivery{Body: []byte("a")}), parse(&amqp.Delivery{Body: []byte("b")})
	if a.ID == "" || a.ID == b.ID || a.From != "" || !a.DiedAt.IsZero() {
		t.Errorf("%+v and %+v", a, b)
	}
	odd := parse(&amqp.Delivery{Headers: amqp.Table{link.LetterHeader: int32(7), headerReplays: "x", headerDiedAt: "now"}})
	if odd.ID == "" || odd.Replays != 0 {
		t.Errorf("%+v", odd)
	}
}

func TestParse_ReadsTheFirstOfAList(t *testing.T) {
	for body, want := range map[string]string{
		`[{"v":1,"kind":"edit","id":"a","room":"ops","client_id":"ann"},{"id":"b","room":"den"}]`: "a ops ann",
		`{"v":9,"kind":"edit","id":"a","room":"ops","client_id":"ann","more":[1]}`:                "a ops ann",
		`[]`:  "m  ",
		`[1]`: "m  ",
	} {
		l := parse(&amqp.Delivery{MessageId: "m", Body: []byte(body)})
		if got := fmt.Sprint(l.MessageID, " ", l.Room, " ", l.ClientID); got != want {
			t.Errorf("%s reads as %q, want %q", body, got, want)
		}
	}
}

func deliveryOf(p amqp.Publishing) *amqp.Delivery {
	return &amqp.Delivery{
		Headers: maps.Clone(p.Headers), Body: p.Body, ContentType: p.ContentType, ContentEncoding: p.ContentEncoding, Priority: p.Priority,
		CorrelationId: p.CorrelationId, ReplyTo: p.ReplyTo, MessageId: p.MessageId, Timestamp: p.Timestamp, Type: p.Type, AppId: p.AppId,
	}
}
