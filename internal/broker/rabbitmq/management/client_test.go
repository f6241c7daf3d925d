package management_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/management"
	"restante/internal/errs"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.MainWithoutBinary(m) }

func TestNew_FindsTheAddress(t *testing.T) {
	for text, want := range map[string]string{
		"amqp://ann:secret@127.0.0.1:1/chat":                              "http://127.0.0.1:15672 ",
		"amqps://ann:secret@127.0.0.1/chat":                               "https://127.0.0.1:15671 ",
		"amqp://ann:secret@127.0.0.1/chat?management=http://127.0.0.1:2":  "http://127.0.0.1:2 ",
		"amqp://ann:secret@127.0.0.1/?management=http://127.0.0.1:2/here": "http://127.0.0.1:2/here ",
	} {
		c, err := management.New([]string{text})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.State(t.Context())
		if errs.CodeOf(err) != errs.Unavailable || !strings.Contains(err.Error(), "API at "+want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if c, err := management.New([]string{"amqp://h/v?management=off"}); c != nil || err != nil {
		t.Errorf("off: %v, %v", c, err)
	}
	for _, text := range []string{"amqp://ann:secret@h/v?management=h:15672", "amqp://ann:secret@h/v?management=ftp://h", "amqp://ann:se/cret@h"} {
		if _, err := management.New([]string{text}); errs.CodeOf(err) != errs.Invalid || strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestClient_SaysWhyItIsRefused(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		code   errs.Code
		want   string
	}{
		{401, `{"error":"not_authorised","reason":"Not management user"}`, errs.Forbidden, `the user "ann" may not use`},
		{401, `{"error":"not_authorized","reason":"Login failed"}`, errs.Forbidden, `refuses the user "ann"`},
		{404, `{"error":"Object Not Found","reason":"Not Found"}`, errs.NotFound, "virtual host"},
		{404, `<html>`, errs.Unavailable, "is not RabbitMQ's"},
		{302, ``, errs.Unavailable, "is not RabbitMQ's"},
		{200, `<html>`, errs.Unavailable, "is not RabbitMQ's"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		client, err := management.New([]string{"amqp://ann:secret@h/v?management=" + srv.URL})
		if err == nil {
			_, err = client.State(t.Context())
		}
		if errs.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
		srv.Close()
	}
}

// with returns the address with another user, who has the given tags and all permissions.
func with(t *testing.T, address, user, tags string) string {
	t.Helper()
	n := testkit.RabbitMQ(t).Node(0)
	vhost := url.PathEscape(testkit.VHostName(t, address))
	for _, call := range [][2]string{
		{"/users/" + user, `{"password":"secret","tags":"` + tags + `"}`},
		{"/permissions/" + vhost + "/" + user, `{"configure":".*","write":".*","read":".*"}`},
	} {
		if _, err := n.Manage(t.Context(), http.MethodPut, call[0], call[1]); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Replace(address, "guest:guest", user+":secret", 1)
}

func TestClient_OnABroker(t *testing.T) {
	address := testkit.VHost(t)[0]
	conn, err := amqp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"restante.intake.10", "restante.intake.2", "restante.dead", "other", "restante.hub.x"} {
		if _, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open(t, with(t, address, "plain", "")).State(t.Context()); errs.CodeOf(err) != errs.Forbidden || !strings.Contains(err.Error(), "tag management") {
		t.Errorf("a user without a tag: %v", err)
	}
	watcher := open(t, with(t, address, "watcher", "management"))
	s, err := watcher.State(t.Context())
	var names []string
	for _, q := range s.Queues {
		names = append(names, q.Name)
	}
	if got := strings.Join(names, " "); err != nil || got != "restante.dead restante.intake.2 restante.intake.10" || s.Version == "" || s.Queues[0].Type != "quorum" {
		t.Errorf("%v: %+v", err, s)
	}
	advised := management.Advised(s.Version)
	if err := watcher.SetPolicy(t.Context(), advised); errs.CodeOf(err) != errs.Forbidden || !strings.Contains(err.Error(), "policymaker") {
		t.Errorf("a user who may not set policies: %v", err)
	}
	maker := open(t, with(t, address, "maker", "policymaker"))
	if err := maker.SetPolicy(t.Context(), advised); err != nil {
		t.Error(err)
	}
	if s, err = maker.State(t.Context()); err != nil || len(s.Policies) != 1 || s.Policies[0].Name != advised.Name || s.Policies[0].Priority != 1000 {
		t.Errorf("%v: %+v", err, s.Policies)
	}
	if _, err := open(t, strings.Replace(address, testkit.VHostName(t, address), "not-there", 1)).State(t.Context()); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("a virtual host that does not exist: %v", err)
	}
}

func open(t *testing.T, address string) *management.Client {
	t.Helper()
	c, err := management.New([]string{address})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
