package rabbitmq_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/management"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// setPolicy sets a policy of an operator, or removes it when the definition is "".
func setPolicy(t *testing.T, address, pattern, definition string) {
	t.Helper()
	method, body := http.MethodPut, fmt.Sprintf(`{"pattern":%q,"apply-to":"queues","definition":%s}`, pattern, definition)
	if definition == "" {
		method, body = http.MethodDelete, ""
	}
	path := "/policies/" + url.PathEscape(testkit.VHostName(t, address)) + "/clean"
	if _, err := testkit.RabbitMQ(t).Node(0).Manage(t.Context(), method, path, body); err != nil {
		t.Fatal(err)
	}
}

func TestPolicies_NameWhatLosesMessages(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	first := open(t, rabbitmq.Config{URLs: urls, Partitions: 2}) // makes the queues
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	setPolicy(t, urls[0], ".*", `{"message-ttl":600000,"max-length":5000}`)
	client, err := management.New(urls)
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the management API to know the policy", func() bool {
		s, err := client.State(t.Context())
		return err == nil && !slices.ContainsFunc(s.Queues, func(q management.Queue) bool { return q.Policy == "" })
	})
	log, reg := &logged{}, prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Log: log.logger(), Metrics: reg})
	waitUntil(t, "the node to name the policy", func() bool { return d.CheckPolicies() != nil })
	err = d.CheckPolicies()
	for _, want := range []string{"message-ttl 600000 (policy clean)", "max-length 5000 (policy clean)"} {
		if errs.CodeOf(err) != errs.Unavailable || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	// The time to live has a line for the queues of the intake and the inbox, one for the dead letters, and one for the record.
	if n := len(log.lines(`msg="a setting of queues is dangerous"`)); n != 4 || metric(t, reg, "restante_broker_dangers") != 4 {
		t.Errorf("%d lines, metric %v: %v", n, metric(t, reg, "restante_broker_dangers"), err)
	}
	s, err := client.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SetPolicy(t.Context(), management.Advised(s.Version)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, time.Minute, "the node to see that it is over", func() bool { return d.CheckPolicies() == nil })
	if len(log.lines("no longer dangerous")) != 4 || metric(t, reg, "restante_broker_dangers") != 0 {
		t.Errorf("metric %v, log %q", metric(t, reg, "restante_broker_dangers"), log.lines(""))
	}
}

func TestPolicies_AreUnknownWithoutTheAPI(t *testing.T) {
	urls := testkit.VHost(t)
	log, reg := &logged{}, prometheus.NewRegistry()
	off, _, _ := strings.Cut(urls[0], "?")
	d := open(t, rabbitmq.Config{URLs: []string{off + "?management=off"}, Log: log.logger(), Metrics: reg})
	waitUntil(t, "the line", func() bool { return len(log.lines("the settings of the queues are not checked")) == 1 })
	if err := d.CheckPolicies(); err != nil || !math.IsNaN(metric(t, reg, "restante_broker_dangers")) {
		t.Errorf("%v, metric %v", err, metric(t, reg, "restante_broker_dangers"))
	}
	if len(log.lines("level=WARN")) > 0 {
		t.Errorf("%q", log.lines(""))
	}
}

func TestPolicies_WhatAPolicyRemovesComesBackOnce(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 2, Metrics: reg})
	setPolicy(t, urls[0], "intake", `{"message-ttl":100}`)
	var sent []string
	for i := range 20 { // nobody consumes: the store is away
		m := chat.Message{ID: uuid.NewString(), Room: fmt.Sprint("room", i%3), ClientID: "ann", Msg: "hi", SentAt: chat.Micros(time.Now())}
		if err := d.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, m.ID)
	}
	office, list := letters(t, urls, len(sent))
	for _, l := range list {
		if l.From != deadletter.FromIntake || !strings.Contains(l.Reason, "time to live") || l.Room == "" {
			t.Errorf("%+v", l)
		}
	}
	waitUntil(t, "the gauge", func() bool { return metric(t, reg, "restante_dead_letters") == float64(len(sent)) })
	setPolicy(t, urls[0], "intake", "")
	stored := make(chan string, 2*len(sent))
	consumeWith(t, d, func(_ context.Context, batch []chat.Message) error {
		for _, m := range batch {
			stored <- m.ID
		}
		return nil
	})
	if n, err := office.Replay(t.Context(), deadletter.Pick{All: true}, nil); n != len(sent) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	var got []string
	for range sent {
		got = append(got, <-stored)
	}
	slices.Sort(got)
	slices.Sort(sent)
	if !slices.Equal(got, sent) {
		t.Errorf("stored are %v, want %v", got, sent)
	}
	letters(t, urls, 0)
	if len(stored) > 0 {
		t.Errorf("%d messages more", len(stored))
	}
}
