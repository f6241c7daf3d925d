package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/operate"
	"restante/internal/peer"
	"restante/internal/testkit"
)

func TestBroker_Help(t *testing.T) {
	for _, command := range []string{"broker", "broker status", "broker policy", "broker partitions", "broker store", "broker store adopt"} {
		got := run(t.Context(), "", append(strings.Fields(command), "--help")...)
		if got.code != exitOK || got.err != "" || !strings.Contains(got.out, "Examples:\n\n    restante broker ") {
			t.Errorf("%s --help: code %d, %s%s", command, got.code, got.out, got.err)
		}
	}
}

func TestBroker_UsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"broker status":                                 "address of a RabbitMQ",
		"broker status --broker inproc:":                "address of a RabbitMQ",
		"broker partitions --broker amqp://h":           "expected",
		"broker status --broker amqp://ann:se/cret@b":   "broker",
		"broker status --broker amqp://h?management=no": "its parameter management must be",
	} {
		got := run(t.Context(), "", strings.Fields(line)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, want) || strings.Contains(got.err, "cret") {
			t.Errorf("%s: %+v, want %q", line, got, want)
		}
	}
	if got := run(t.Context(), "", "broker", "status", "--broker", "amqp://127.0.0.1:1"); got.code != exitUnavailable || got.out != "" {
		t.Errorf("no broker at the address: %+v", got)
	}
}

// brokerVHost starts a node on a new virtual host, and returns the address and what stops the node.
func brokerVHost(t *testing.T, partitions int) (address string, stop func()) {
	t.Helper()
	address = testkit.VHost(t)[0]
	t.Setenv("RESTANTE_BROKER", address)
	return address, brokerNode(t, address, partitions)
}

// brokerNode starts what a node has on the broker, and returns what stops it.
func brokerNode(t *testing.T, address string, partitions int) (stop func()) {
	t.Helper()
	d, err := rabbitmq.Open(t.Context(), rabbitmq.Config{
		URLs: []string{address}, Partitions: partitions, Peers: peer.NewTable(peer.Node{ID: peer.NewID(), URL: "http://n"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	stop = func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestBroker_StatusAndPolicy(t *testing.T) {
	address, _ := brokerVHost(t, 2)
	vhost := url.PathEscape(testkit.VHostName(t, address))
	n := testkit.RabbitMQ(t).Node(0)
	got := run(t.Context(), "", "broker", "status")
	if got.code != exitOK || !strings.Contains(got.out, "2 partitions") || !strings.Contains(got.out, "restante.intake.1") || !strings.Contains(got.out, "nothing is dangerous") {
		t.Errorf("status: %+v", got)
	}
	for path, body := range map[string]string{
		"/policies/" + vhost + "/clean":       `{"pattern":".*","apply-to":"queues","definition":{"message-ttl":600000},"priority":7}`,
		"/operator-policies/" + vhost + "/op": `{"pattern":"dead","apply-to":"queues","definition":{"max-length":900000}}`,
	} {
		if _, err := n.Manage(t.Context(), http.MethodPut, path, body); err != nil {
			t.Fatal(err)
		}
	}
	var status operate.Status
	for len(status.Dangers) < 4 && t.Context().Err() == nil { // the API knows it some seconds late
		if got = run(t.Context(), "", "broker", "status", "--json"); json.Unmarshal([]byte(got.out), &status) != nil {
			t.Fatalf("status --json: %+v", got)
		}
	}
	if got.code != exitFailed || !strings.Contains(got.err, "4 settings are dangerous") || status.Record.Partitions != 2 || len(status.Operator) != 1 {
		t.Errorf("status --json: %+v, %+v", got, status)
	}
	got = run(t.Context(), "", "broker", "policy")
	if want := "rabbitmqctl -p " + testkit.VHostName(t, address) + " set_policy restante '^restante"; got.code != exitOK || !strings.HasPrefix(got.out, want) || strings.Count(got.out, "\n") != 1 {
		t.Errorf("policy: %+v", got)
	}
	got = run(t.Context(), "", "broker", "policy", "--apply")
	if got.code != exitFailed || !strings.Contains(got.out, "policy restante is set") || !strings.Contains(got.out, "DANGER: max-length 900000 (operator policy op) on restante.dead") || strings.Contains(got.out, "message-ttl") {
		t.Errorf("policy --apply: %+v", got)
	}
	off, _, _ := strings.Cut(address, "?")
	got = run(t.Context(), "", "broker", "status", "--broker", off+"?management=http://127.0.0.1:1")
	if got.code != exitUnavailable || !strings.Contains(got.out, "2 partitions") || !strings.Contains(got.err, "cannot be reached") {
		t.Errorf("status without the API: %+v", got)
	}
}

// TestBroker_PolicyIsACommand runs what is printed as an operator would.
func TestBroker_PolicyIsACommand(t *testing.T) {
	address, _ := brokerVHost(t, 1)
	got := run(t.Context(), "", "broker", "policy")
	var args []string
	for word := range strings.SplitSeq(strings.TrimSpace(got.out), " ") {
		args = append(args, strings.Trim(word, "'"))
	}
	if _, err := testkit.RabbitMQ(t).Node(0).Ctl(t.Context(), args[1:]...); err != nil {
		t.Fatalf("%s: %v", got.out, err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		got = run(t.Context(), "", "broker", "status")
		if strings.Count(got.out, " restante\n") == 5 && got.code == exitOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v of %s", got, address)
		}
	}
}

func TestBroker_Partitions(t *testing.T) {
	address, stop := brokerVHost(t, 2)
	if got := run(t.Context(), "", "broker", "partitions", "4"); got.code != exitFailed || !strings.Contains(got.err, "nodes are running") {
		t.Errorf("while a node runs: %+v", got)
	}
	stop()
	conn, err := amqp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	c, err := ch.PublishWithDeferredConfirm("", "restante.intake.1", true, false, amqp.Publishing{Body: []byte("{}")})
	if err != nil || !c.Wait() {
		t.Fatal(err)
	}
	if got := run(t.Context(), "", "broker", "partitions", "4"); got.code != exitFailed || !strings.Contains(got.err, "1 messages wait in restante.intake.1") {
		t.Errorf("while a message waits: %+v", got)
	}
	if _, err := ch.QueuePurge("restante.intake.1", false); err != nil {
		t.Fatal(err)
	}
	if got := run(t.Context(), "", "broker", "partitions", "4"); got.code != exitOK || !strings.Contains(got.out, "there were 2 partitions, the next node that starts makes 4") {
		t.Errorf("%+v", got)
	}
	if got := run(t.Context(), "", "broker", "partitions", "4"); got.code != exitOK || !strings.Contains(got.out, "already") {
		t.Errorf("again: %+v", got)
	}
	brokerNode(t, address, 0)
	for q := range 4 {
		if _, err := ch.QueueDeclarePassive(fmt.Sprint("restante.intake.", q), true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(t.Context(), "", "broker", "partitions", "0"); got.code != exitUsage {
		t.Errorf("none: %+v", got)
	}
}
