package topology

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// earlier makes what an earlier version has made for n partitions, without some of the queues.
func (s *site) earlier(n int, without ...string) {
	s.t.Helper()
	arguments := amqp.Table{"x-queue-type": "quorum", "x-queue-leader-locator": "balanced", "x-single-active-consumer": true}
	if (plan{s.version()}).isAtLeast(4, 0) {
		arguments["x-delivery-limit"] = -1
	}
	names := []string{link.InboxQueue}
	for q := range n {
		names = append(names, intakeName(q))
	}
	for _, name := range names {
		if len(without) == 0 || without[0] != name {
			s.declare(name, arguments)
		}
	}
}

func (s *site) version() string {
	version, _ := s.conn.Properties["version"].(string)
	return version
}

// TestFirst_TheNumberIsNeverGuessed: on a broker of an earlier version the operator says the number once.
func TestFirst_TheNumberIsNeverGuessed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		earlier int
		without []string
		wanted  int
		says    string // "" when it starts
	}{
		"said":                       {4, nil, 4, ""},
		"not said":                   {4, nil, 0, "--partitions N once"},
		"too few":                    {4, nil, 3, "restante.intake.3"},
		"too many":                   {4, nil, 5, "no restante.intake.4"},
		"a gap":                      {4, []string{"restante.intake.2"}, 4, "no restante.intake.2"},
		"a gap, and not said":        {4, []string{"restante.intake.0"}, 0, "--partitions N once"},
		"a gap, and as many as seem": {4, []string{"restante.intake.2"}, 2, "restante.intake.3"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.earlier(c.earlier, c.without...)
			n, err := s.open(Config{Node: "one", Partitions: c.wanted})
			if c.says == "" {
				if err != nil || n.now().Partitions != c.earlier || !n.now().Made {
					t.Fatalf("%v, %+v", err, n.now())
				}
				n.stop()
				s.start(Config{Node: "two"}) // nobody says it again
				return
			}
			if errs.CodeOf(err) != errs.Conflict || !contains(err, c.says) {
				t.Errorf("%v, want class %s", err, errs.Conflict)
			}
			if _, err := ReadRecord(t.Context(), s.conn); errs.CodeOf(err) != errs.NotFound {
				t.Errorf("a record was written: %v", err)
			}
		})
	}
}

// TestFirst_WaitsForRunningNodes: a new process finds no record, but a node that runs knows it. It does not take the broker
// for a new one.
func TestFirst_WaitsForRunningNodes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(link.NodesExchange, "fanout", true, false, false, false, nil)
	})
	conn := at(t, s.urls).conn
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	beats := time.NewTicker(100 * time.Millisecond)
	defer beats.Stop()
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-beats.C:
				_ = ch.Publish(link.NodesExchange, "", false, false, amqp.Publishing{Body: []byte("7")})
			case <-done:
				return
			}
		}
	}()
	defer func() { close(done); <-ended }()
	_, err = s.open(Config{Node: "one", HeartbeatRecord: func(body []byte) int64 { return int64(body[0] - '0') }})
	if errs.CodeOf(err) != errs.Unavailable || !contains(err, "running nodes know it") {
		t.Errorf("got %v", err)
	}
	if _, err := ReadRecord(t.Context(), s.conn); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("a record was written: %v", err)
	}
}

// TestKeeper_SaysWhichPermissionIsMissing: a user with half of the permissions is told what is missing, and where.
func TestKeeper_SaysWhichPermissionIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		configure, write, read string
		says                   []string
	}{
		"no configure":     {"^$", ours, ours, []string{"restante.queues", "configure"}},
		"no write":         {ours, "^$", ours, []string{"restante.record", "write"}},
		"no read":          {ours, ours, "^$", []string{"restante.queues", "read"}},
		"not on the inbox": {`^restante\.(queues|removed|record|dead|intake|messages|nodes).*`, ours, ours, []string{"restante.inbox", "configure"}},
		"not on the dead":  {ours, `^restante\.(queues|removed|record|inbox|intake|messages|nodes).*`, ours, []string{"restante.dead", "write"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			user := fmt.Sprint("half", time.Now().UnixNano())
			vhost := url.PathEscape(testkit.VHostName(t, s.urls[0]))
			manage(t, http.MethodPut, "/users/"+user, `{"password":"secret","tags":""}`)
			manage(t, http.MethodPut, "/permissions/"+vhost+"/"+user, fmt.Sprintf(`{"configure":%q,"write":%q,"read":%q}`, c.configure, c.write, c.read))
			half := &site{t, []string{strings.Replace(s.urls[0], "guest:guest", user+":secret", 1)}, s.conn}
			_, err := half.open(Config{Node: "one", Partitions: 2})
			if errs.CodeOf(err) != errs.Forbidden || contains(err, "secret") {
				t.Errorf("got %v, want class %s", err, errs.Forbidden)
			}
			for _, text := range c.says {
				if !contains(err, text) {
					t.Errorf("%v does not say %q", err, text)
				}
			}
		})
	}
}

const ours = `^restante\.`

func manage(t *testing.T, method, path, body string) {
	t.Helper()
	if _, err := testkit.RabbitMQ(t).Manage(t.Context(), method, path, body); err != nil {
		t.Fatal(err)
	}
}
