package deploy

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// missing skips the test when a server's programs are not installed.
func missing(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, nodes.ErrMissing) {
		testkit.Missing(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestServers_RabbitMQAcceptsItsConfiguration starts a node with the file that the compose file mounts.
func TestServers_RabbitMQAcceptsItsConfiguration(t *testing.T) {
	settings := strings.Split(strings.TrimSpace(uncommented(read(t, "deploy/rabbitmq.conf"))), "\n")
	rabbit, err := nodes.StartRabbitMQ(context.WithoutCancel(t.Context()), nodes.RabbitMQConfig{Settings: settings})
	missing(t, err)
	t.Cleanup(rabbit.Stop)
	for expression, want := range map[string]string{
		"application:get_env(rabbit, consumer_timeout)": "{ok,86400000}",
		"application:get_env(rabbit, disk_free_limit)":  `{ok,"2GB"}`,
		"application:get_env(ra, wal_max_size_bytes)":   "{ok,67108864}",
		"vm_memory_monitor:get_memory_limit()":          "629145600",
	} {
		got, err := rabbit.Node(0).Ctl(t.Context(), "eval", expression+".")
		if err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%s: %s, want %s (%v)", expression, got, want, err)
		}
	}
}

// TestServers_PostgresAcceptsItsSettings starts a server with the settings of the compose file, and compares those that
// durability depends on.
func TestServers_PostgresAcceptsItsSettings(t *testing.T) {
	command := project(t).Services["postgres"].Command
	if len(command) < 2 || command[0] != "postgres" {
		t.Fatalf("the command is %q", command)
	}
	var settings []string
	for _, arg := range command[1:] {
		setting, ok := strings.CutPrefix(arg, "-c")
		if !ok {
			t.Errorf("%q is not a setting", arg)
		}
		settings = append(settings, setting)
	}
	server, err := nodes.StartPostgres(context.WithoutCancel(t.Context()), nodes.PostgresConfig{Settings: settings})
	missing(t, err)
	t.Cleanup(server.Stop)
	url, err := server.Database(t.Context(), "settings")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil || value != "on" {
			t.Errorf("%s is %q (%v)", name, value, err)
		}
	}
}

// startANode divides the manual's commands about users: the ones before it are for the nodes, the ones after it for services.
const startANode = "**Start a node now**"

// permit executes the manual's rabbitmqctl commands that make the virtual host and the user of the nodes, as they are
// written. It returns their number.
func permit(t *testing.T, node *nodes.RabbitNode) (count int) {
	t.Helper()
	_, _ = node.Manage(t.Context(), "DELETE", "/vhosts/restante", "") // of another test
	before, _, found := strings.Cut(section(t, "RabbitMQ"), startANode)
	if !found {
		t.Fatal("the manual does not say when to start a node")
	}
	return execute(t, node, before)
}

// permitServices executes the commands for services.
func permitServices(t *testing.T, node *nodes.RabbitNode) (count int) {
	t.Helper()
	_, after, _ := strings.Cut(section(t, "RabbitMQ"), startANode)
	return execute(t, node, after)
}

// execute runs the commands of a text that are about users, and returns their number.
func execute(t *testing.T, node *nodes.RabbitNode, text string) (count int) {
	t.Helper()
	for _, command := range all(`(?m)^rabbitmqctl ([^#\n]*)`, text) {
		w := words(command)
		switch w[0] {
		case "add_user":
			_, _ = node.Manage(t.Context(), "DELETE", "/users/"+w[1], "") // of another test
		case "add_vhost", "set_permissions", "set_topic_permissions", "set_user_tags":
		default:
			continue
		}
		count++
		if _, err := node.Ctl(t.Context(), w...); err != nil {
			t.Fatal(err)
		}
	}
	return count
}

// words splits a command as a shell does, as far as the manual needs it.
func words(command string) (found []string) {
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(command, -1) {
		found = append(found, m[1]+m[2])
	}
	return found
}

// action is something that a user tries over a channel.
type action func(*amqp.Channel) error

func declareExchange(name, kind string) action {
	return func(ch *amqp.Channel) error { return ch.ExchangeDeclare(name, kind, true, false, false, false, nil) }
}

func declareQueue(name string) action {
	return func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeQuorum})
		return err
	}
}

func bindQueue(queue, key, exchange string) action {
	return func(ch *amqp.Channel) error { return ch.QueueBind(queue, key, exchange, false, nil) }
}

func publishTo(exchange, key string) action {
	return func(ch *amqp.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		closed := ch.NotifyClose(make(chan *amqp.Error, 1))
		confirm, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, amqp.Publishing{})
		if err != nil {
			return err
		}
		select {
		case err := <-closed:
			return err
		case <-confirm.Done():
			return nil
		}
	}
}

func getFrom(queue string) action {
	return func(ch *amqp.Channel) error {
		_, _, err := ch.Get(queue, true)
		return err
	}
}

// permitted reports whether a user may do something. Each call uses a new channel.
func permitted(t *testing.T, node *nodes.RabbitNode, user string, do action) bool {
	t.Helper()
	conn, err := amqp.Dial("amqp://" + user + ":SECRET@" + node.Addr() + "/restante")
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	err = do(ch)
	if e, ok := errors.AsType[*amqp.Error](err); err != nil && (!ok || e.Code != amqp.AccessRefused) {
		t.Errorf("%s: %v", user, err)
	}
	return err == nil
}

// TestServers_PermissionsOfTheManual tries what the users of the manual may do, and what not.
func TestServers_PermissionsOfTheManual(t *testing.T) {
	node := testkit.RabbitMQ(t).Node(0)
	count := permit(t, node)
	address := "amqp://restante:SECRET@" + node.Addr() + "/restante?management=" + node.ManagementURL()
	own := testkit.Cluster{Broker: []string{address}, Store: testkit.Database(t)}.Start(t, testkit.Options{})
	eventually(t, "the node may ask for queues and policies", func() bool {
		return strings.HasSuffix(testkit.Run(t, "", testkit.Binary(t), "broker", "status", "--broker", address), "nothing is dangerous\n")
	})
	if strings.Contains(own.Log(), "are not checked") {
		t.Error("the node may not look at policies")
	}
	own.Stop(20 * time.Second) // it would read what the services send
	if count += permitServices(t, node); count != 10 {
		t.Fatalf("the manual has %d commands about users", count)
	}
	for _, tc := range []struct {
		user, what string
		do         action
		may        bool
	}{
		{"restante", "make the inbox", declareExchange("restante.inbox", "topic"), true},
		{"restante", "make the outbox", declareExchange("restante.messages", "topic"), true},
		{"restante", "make a queue", declareQueue("restante.new"), true},
		{"restante", "bind it", bindQueue("restante.new", "#", "restante.inbox"), true},
		{"restante", "make others' queues", declareQueue("crm.x"), false},
		{"billing", "send to its room", publishTo("restante.inbox", "ops"), true},
		{"billing", "send to another room", publishTo("restante.inbox", "board"), false},
		{"billing", "announce messages", publishTo("restante.messages", "room.ops"), false},
		{"billing", "make a queue", declareQueue("billing.q"), false},
		{"crm", "make a queue", declareQueue("crm.q"), true},
		{"crm", "listen to its room", bindQueue("crm.q", "room.ops", "restante.messages"), true},
		{"crm", "listen to all rooms", bindQueue("crm.q", "room.#", "restante.messages"), false},
		{"crm", "listen to the inbox", bindQueue("crm.q", "#", "restante.inbox"), false},
		{"crm", "read restante's queue", getFrom("restante.inbox"), false},
		{"crm", "send", publishTo("restante.inbox", "ops"), false},
	} {
		if got := permitted(t, node, tc.user, tc.do); got != tc.may {
			t.Errorf("%s may %s: %t", tc.user, tc.what, got)
		}
	}
}
