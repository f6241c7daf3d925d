package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/testkit"
)

// deadVHost returns the address of a virtual host whose dead letters have these bodies, and their ids. The first one
// came from the inbox; the test published the others itself.
func deadVHost(t *testing.T, bodies ...string) (url string, ids []string) {
	t.Helper()
	url = testkit.VHost(t)[0]
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	err = ch.Confirm(false)
	if err == nil {
		err = ch.ExchangeDeclare("restante.inbox", "topic", true, false, false, false, nil)
	}
	for _, queue := range []string{"restante.dead", "restante.inbox"} {
		if err == nil {
			_, err = ch.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
		}
	}
	if err == nil {
		err = ch.QueueBind("restante.inbox", "#", "restante.inbox", false, nil)
	}
	for i, body := range bodies {
		id := uuid.NewString()
		ids = append(ids, id)
		headers := amqp.Table{"restante-letter": id, "restante-reason": "it is bad"}
		if i == 0 {
			headers["restante-from"], headers["restante-routing-key"] = "inbox", "ops"
		}
		if err == nil {
			var c *amqp.DeferredConfirmation
			if c, err = ch.PublishWithDeferredConfirm("", "restante.dead", true, false, amqp.Publishing{Headers: headers, Body: []byte(body)}); err == nil {
				c.Wait()
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return url, ids
}

func TestDead_OnABroker(t *testing.T) {
	url, ids := deadVHost(t, `{"msg":"secret text","client_id":"ann"}`, "\xff\x1b", "third")
	t.Setenv("RESTANTE_BROKER", url)

	got := run(t.Context(), "", "dead", "list")
	for _, id := range ids {
		if !strings.Contains(got.out, id) {
			t.Errorf("the list has no %s", id)
		}
	}
	if got.code != exitOK || got.err != "" || strings.Count(got.out, "\n") != 4 || strings.Contains(got.out, "secret text") {
		t.Errorf("list: %+v", got)
	}
	got = run(t.Context(), "", "dead", "list", "--json", "--limit", "2")
	if got.code != exitOK || strings.Count(got.out, "\n") != 2 || !json.Valid([]byte(strings.SplitN(got.out, "\n", 2)[0])) || !strings.Contains(got.err, "2 of 3 dead letters") {
		t.Errorf("list --limit 2: %+v", got)
	}
	got = run(t.Context(), "", "dead", "show", ids[0], ids[1])
	if got.code != exitOK || !strings.Contains(got.out, "secret text") || !strings.Contains(got.out, `\xff\x1b`) {
		t.Errorf("show: %+v", got)
	}
	got = run(t.Context(), "", "dead", "show", ids[0], "nobody")
	if got.code != exitFailed || !strings.Contains(got.out, "secret text") || !strings.Contains(got.err, "no dead letter nobody") {
		t.Errorf("show of an unknown id: %+v", got)
	}
	got = run(t.Context(), "", "dead", "replay", "--all", "--json")
	if got.code != exitFailed || got.out != "{\"replayed\":1}\n" || strings.Count(got.err, "cannot be replayed") != 2 {
		t.Errorf("replay: %+v", got)
	}
	got = run(t.Context(), "y\n", "dead", "drop", ids[1])
	if got.code != exitUsage {
		t.Errorf("drop without a terminal: %+v", got)
	}
	got = run(t.Context(), "", "dead", "drop", ids[1], "--yes")
	if got.code != exitOK || got.out != "1 dropped\n" {
		t.Errorf("drop: %+v", got)
	}
	got = run(t.Context(), "", "dead", "drop", "--all", "--yes", "--json")
	if got.code != exitOK || got.out != "{\"dropped\":1}\n" {
		t.Errorf("drop --all: %+v", got)
	}
	got = run(t.Context(), "", "dead", "list")
	if got.code != exitOK || got.out != "" || !strings.Contains(got.err, "no dead letters") {
		t.Errorf("list of an empty queue: %+v", got)
	}
	got = run(t.Context(), "", "dead", "list", "--broker", strings.Replace(url, "?", "-not?", 1))
	if got.code != exitFailed || !strings.Contains(got.err, "virtual host") {
		t.Errorf("list of an unknown virtual host: %+v", got)
	}
}
