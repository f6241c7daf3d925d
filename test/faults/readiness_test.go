package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// readiness is what a node answers at /readyz.
type readiness struct {
	code    int
	status  string            // ready or degraded; "" for 503
	failing map[string]string // the reasons of the checks that fail
}

func readinessOf(t *testing.T, s *testkit.Server) readiness {
	t.Helper()
	r, err := askReadiness(t, s)
	noError(t, err)
	return r
}

// askReadiness is readinessOf for any goroutine.
func askReadiness(t *testing.T, s *testkit.Server) (readiness, error) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	resp, err := client.Get(s.URL() + "/readyz")
	if err != nil {
		return readiness{}, err
	}
	defer resp.Body.Close()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("/readyz took %v", took)
	}
	var body struct {
		Status any // a problem document has a number
		Checks []struct {
			Name, Reason string
			OK           bool
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return readiness{}, err
	}
	r := readiness{code: resp.StatusCode, failing: map[string]string{}}
	r.status, _ = body.Status.(string)
	for _, c := range body.Checks {
		if !c.OK {
			r.failing[c.Name] = c.Reason
		}
	}
	return r, nil
}

// waitReadiness waits until a node answers with a code, and exactly these checks fail.
func waitReadiness(t *testing.T, s *testkit.Server, code int, failing ...string) readiness {
	t.Helper()
	var r readiness
	ctx := within(t, limit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r = readinessOf(t, s)
		if r.code == code && slices.Equal(slices.Sorted(maps.Keys(r.failing)), failing) {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("/readyz is %+v; want %d with %q failing", r, code, failing)
		}
	}
	for name, reason := range r.failing {
		if reason == "" || strings.Contains(reason, "the log has the cause") {
			t.Errorf("%s has no reason in plain words: %q", name, reason)
		}
	}
	if want := map[bool]string{true: "degraded", false: "ready"}[len(failing) > 0]; code == http.StatusOK && r.status != want {
		t.Errorf("the status is %q, want %q", r.status, want)
	}
	return r
}

// user is a RabbitMQ user of one node, so that a test can take the node's permissions away.
type user struct {
	cluster
	name string
}

func newUser(t *testing.T, c cluster) (user, cluster) {
	t.Helper()
	address, err := url.Parse(c.Broker[0])
	noError(t, err)
	u := user{c, fmt.Sprintf("user-%d", time.Now().UnixNano())}
	u.manage(http.MethodPut, "/users/"+u.name, `{"password": "secret", "tags": ""}`)
	u.mayRead(".*")
	address.User = url.UserPassword(u.name, "secret")
	c.Broker = []string{address.String()}
	return u, c
}

// mayRead lets the user read only what matches, and ends its connections: RabbitMQ asks for permissions when something begins.
func (u user) mayRead(pattern string) {
	u.t.Helper()
	permissions, err := json.Marshal(map[string]string{"configure": ".*", "write": ".*", "read": pattern})
	noError(u.t, err)
	u.manage(http.MethodPut, "/permissions/VHOST/"+u.name, string(permissions))
	_, err = testkit.RabbitMQ(u.t).Node(0).Ctl(u.t.Context(), "close_all_user_connections", u.name, "a test")
	noError(u.t, err)
}

// allBut matches every name but this one.
func allBut(name string) string { return "^(?!" + strings.ReplaceAll(name, ".", `\.`) + ")" }

// A hub that does not hear what is stored says so. It is not ready while another hub hears, so that load balancers leave it,
// and degraded when none does: then none is better.
func TestReadiness_OfAHubThatHearsNothing(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, with := newUser(t, c)
	a := with.node(allRoles)
	two, with := newUser(t, c)
	b := with.node(allRoles)
	waitReadiness(t, a, http.StatusOK)
	waitReadiness(t, b, http.StatusOK)

	two.mayRead(allBut("restante.messages"))
	waitReadiness(t, b, http.StatusServiceUnavailable, "hearing")
	waitReadiness(t, a, http.StatusOK)

	one.mayRead(allBut("restante.messages"))
	waitReadiness(t, a, http.StatusOK, "hearing")
	waitReadiness(t, b, http.StatusOK, "hearing")

	one.mayRead(".*")
	waitReadiness(t, a, http.StatusOK)
	waitReadiness(t, b, http.StatusServiceUnavailable, "hearing")
	two.mayRead(".*")
	waitReadiness(t, b, http.StatusOK)
}

// A consumer that cannot register, and a node that hears no heartbeats, are useful for requests: they are degraded.
func TestReadiness_OfANodeThatCannotConsumeOrHearOthers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, with := newUser(t, c)
	s := with.node(allRoles)
	waitReadiness(t, s, http.StatusOK)
	one.mayRead(allBut("restante.intake."))
	waitReadiness(t, s, http.StatusOK, "consuming")
	one.mayRead(allBut("restante.nodes"))
	waitReadiness(t, s, http.StatusOK, "beating")
	one.mayRead(".*")
	waitReadiness(t, s, http.StatusOK)
}

// A node without the role of a consumer or a hub needs others for that, and says so while there are none.
func TestReadiness_OfANodeThatNeedsOthers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s := c.node(api)
	r := waitReadiness(t, s, http.StatusOK, "forwarding")
	if !strings.Contains(r.failing["forwarding"], consumer) {
		t.Errorf("the reason does not name the role: %q", r.failing["forwarding"])
	}
	others := c.node(consumer + "," + hub)
	waitReadiness(t, s, http.StatusOK)
	others.Kill()
	waitReadiness(t, s, http.StatusOK, "forwarding")
}

// A database that does not answer costs who asks for readiness three seconds at most, however many ask.
func TestReadiness_WhileTheStoreIsFrozen(t *testing.T) {
	t.Parallel()
	pg := testkit.OwnPostgres(t)
	store, err := pg.Database(t.Context(), "restante")
	noError(t, err)
	c := cluster{testkit.Cluster{Broker: testkit.VHost(t), Store: store}, t}
	s := c.node(allRoles)
	waitReadiness(t, s, http.StatusOK)
	pg.Pause()
	waitReadiness(t, s, http.StatusOK, "storing")
	for range 5 {
		readinessOf(t, s)
	}
	pg.Resume()
	waitReadiness(t, s, http.StatusOK)
}
