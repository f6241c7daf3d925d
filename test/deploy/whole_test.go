package deploy

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"restante/internal/testkit"
)

// TestCompose_TheNodesWorkTogether starts a node of each role as the compose file does, except for the addresses,
// behind its load balancer. They use RabbitMQ as the user of the manual, with no more permissions than described there.
func TestCompose_TheNodesWorkTogether(t *testing.T) {
	rabbit, database := testkit.RabbitMQ(t).Node(0), testkit.Database(t)
	permit(t, rabbit)
	p := project(t)
	servers := map[string]*testkit.Server{}
	for _, name := range restanteServices(p) {
		servers[name] = testkit.Start(t, testkit.Options{Env: environment(p.Services[name], rabbit.Addr(), database)})
	}
	b := startBalancer(t, servers["api"].Addr(), servers["hub"].Addr())
	eventually(t, "the load balancer has nodes", b.healthy(t))
	token := newToken(t, "--sub", "ann", "--rooms", "ops")
	const send = "/message?msg=hello&client_id=ann&room="
	for _, tc := range []struct {
		token, room string
		want        int
	}{{"", "ops", http.StatusUnauthorized}, {token, "board", http.StatusForbidden}, {token, "ops", http.StatusAccepted}} {
		if code := as(t, tc.token, "POST", b.url+send+tc.room); code != tc.want {
			t.Fatalf("a message for %s: %d, want %d", tc.room, code, tc.want)
		}
	}
	if got := firstEvent(t, b.url, "ops", token); !strings.Contains(got, "hello") {
		t.Errorf("the message is not delivered: %q", got)
	}
	eventually(t, "the event stream is logged", func() bool { return strings.Contains(b.log.String(), "GET /rooms/ops/events\n") })
	if strings.Contains(b.log.String(), token) {
		t.Error("the token is in the log of the load balancer")
	}
	for name, s := range servers {
		eventually(t, name+" is healthy", func() bool {
			return testkit.Run(t, "", testkit.Binary(t), append(p.Services[name].HealthCheck.Test[2:], "--url", s.URL())...) == "ready\n"
		})
		watch(t, s, b, token)
	}
}

// watch reads a node's metrics with the token that the manual makes for Prometheus, and in ways that must be refused.
func watch(t *testing.T, node *testkit.Server, b *balancer, others string) {
	t.Helper()
	command := all(`(?m)^docker compose -f deploy/compose\.yaml run --rm --no-deps -T api token (.*) > deploy/prometheus\.token$`, read(t, manual))
	if len(command) != 1 {
		t.Fatalf("the manual has %d commands that make a token for Prometheus", len(command))
	}
	token := newToken(t, words(command[0])...)
	for _, tc := range []struct {
		url, token string
		want       int
	}{
		{node.URL(), "", http.StatusUnauthorized},
		{node.URL(), others, http.StatusForbidden},
		{node.URL(), token, http.StatusOK},
		{b.url, token, http.StatusNotFound},
	} {
		if code := as(t, tc.token, "GET", tc.url+"/metrics"); code != tc.want {
			t.Errorf("metrics: %d, want %d", code, tc.want)
		}
	}
}

// newToken returns a token that the nodes of the compose file accept.
func newToken(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(testkit.Run(t, "", testkit.Binary(t), append([]string{"token", "--jwt-secret", secret}, args...)...))
}

// environment returns the environment variables of a service, with the addresses of other servers.
func environment(s types.ServiceConfig, rabbit, database string) (variables []string) {
	for name, value := range s.Environment {
		switch name {
		case "RESTANTE_BROKER":
			*value = strings.NewReplacer("restante:r@", "restante:SECRET@", "rabbitmq:5672", rabbit).Replace(*value)
		case "RESTANTE_STORE":
			*value = database
		case "RESTANTE_TRUSTED_PROXY":
			*value = "127.0.0.1"
		}
		variables = append(variables, name+"="+*value)
	}
	return variables
}

// TestManual_ChangingTheNumberOfPartitions follows the manual's steps.
func TestManual_ChangingTheNumberOfPartitions(t *testing.T) {
	node, cluster := testkit.RabbitMQ(t).Node(0), testkit.NewCluster(t)
	vhost := testkit.VHostName(t, cluster.Broker[0])
	partitions := func() (names []string) {
		t.Helper()
		body, err := node.Manage(t.Context(), "GET", "/queues/"+vhost, "")
		var queues []struct{ Name string }
		if err := errors.Join(err, json.Unmarshal([]byte(body), &queues)); err != nil {
			t.Fatal(err)
		}
		for _, q := range queues {
			if strings.HasPrefix(q.Name, "restante.intake.") {
				names = append(names, q.Name)
			}
		}
		return names
	}
	before := cluster.Start(t, testkit.Options{})
	send := func(s *testkit.Server, room string) {
		t.Helper()
		if code, body := status(t, "POST", s.URL()+"/message?msg=hello&client_id=ann&room="+room); code != http.StatusAccepted {
			t.Fatal(code, body)
		}
	}
	rooms := []string{"a", "b", "c", "d", "e", "f"}
	for _, room := range rooms {
		send(before, room)
	}
	for _, room := range rooms {
		eventually(t, "stored", func() bool { return len(before.ReadRoom(room)) == 1 })
	}
	if got := partitions(); len(got) != 8 {
		t.Fatalf("before: %q", got)
	}
	err := testkit.TryStart(t, testkit.Options{Args: []string{"--broker", cluster.Broker[0], "--store", cluster.Store, "--partitions", "3"}})
	if err == nil || !strings.Contains(err.Error(), "it ended with exit code 1") || !strings.Contains(err.Error(), "8 partitions") {
		t.Errorf("a node with another number of partitions: %v", err)
	}
	before.Stop(20 * time.Second)
	command := all(`(?m)^ +restante (broker partitions) 16 --broker `, read(t, manual))
	if len(command) != 1 {
		t.Fatalf("the manual has %d commands that change the number", len(command))
	}
	testkit.Run(t, "", testkit.Binary(t), append(strings.Fields(command[0]), "3", "--broker", cluster.Broker[0])...)
	if got := partitions(); len(got) != 0 {
		t.Errorf("in between: %q", got)
	}
	first := cluster.Start(t, testkit.Options{})
	second := cluster.Start(t, testkit.Options{})
	if got := partitions(); len(got) != 3 {
		t.Errorf("after: %q", got)
	}
	for i, room := range rooms {
		send([]*testkit.Server{first, second}[i%2], room)
	}
	for _, room := range rooms {
		eventually(t, "stored", func() bool { return len(second.ReadRoom(room)) == 2 })
	}
}
