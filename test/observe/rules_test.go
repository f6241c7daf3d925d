package observe

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"restante/internal/testkit"
)

// A scene is what Prometheus sees of two nodes, and of RabbitMQ, for 42 minutes. All is well, except for 18 minutes from the
// sixth on, in which the series in change are as they say.
type scene struct {
	name   string
	alone  bool // one node on one machine instead
	change map[string]values
	fires  []string // all alerts that fire in the end of those 18 minutes, each with its severity
}

// values are those of a series. A gauge has two values; a counter rises by two amounts every 30 s; gone is no value at all.
type values struct {
	counter   bool
	well, ill float64
	gone      bool // while all is not well
	once      bool // a counter rises only once while all is not well
}

func gauge(well, ill float64) values   { return values{well: well, ill: ill} }
func counter(well, ill float64) values { return values{counter: true, well: well, ill: ill} }

// The number of values in each part of a scene: one for each 30 s.
const (
	before, during, after = 12, 36, 36
	lateBefore            = "5m"
	lateDuring            = "23m"
	lateAfter             = "41m"
)

// text writes the values as promtool takes them.
func (v values) text() string {
	if !v.counter {
		ill := fmt.Sprintf("%g+0x%d", v.ill, during-1)
		if v.gone {
			ill = fmt.Sprintf("_x%d", during)
		}
		return fmt.Sprintf("%g+0x%d %s %g+0x%d", v.well, before-1, ill, v.well, after-1)
	}
	end := v.well * (before - 1)
	first := fmt.Sprintf("0+%gx%d", v.well, before-1)
	if v.gone { // the counter of a node that starts again begins at 0
		return fmt.Sprintf("%s _x%d 0+%gx%d", first, during, v.well, after-1)
	}
	second := fmt.Sprintf("%g+%gx%d", end+v.ill, v.ill, during-1)
	end += v.ill * during
	if v.once {
		end = v.well*(before-1) + v.ill
		second = fmt.Sprintf("%g+0x%d", end, during-1)
	}
	return fmt.Sprintf("%s %s %g+%gx%d", first, second, end+v.well, v.well, after-1)
}

// node adds the series of a node to those of a scene.
func node(all map[string]values, instance string, alone bool) {
	add := func(name, labels string, v values) {
		if labels != "" {
			labels = "," + labels
		}
		all[fmt.Sprintf(`%s{job="restante",instance=%q%s}`, name, instance, labels)] = v
	}
	checks := []string{"accepting", "publishing", "storing", "consuming", "hearing", "beating", "topology", "store"}
	if alone {
		checks = []string{"accepting", "storing"}
	}
	for _, check := range checks {
		add("restante_check_up", fmt.Sprintf("check=%q", check), gauge(1, 1))
	}
	for name, v := range map[string]float64{
		"up": 1, "process_start_time_seconds": 1, "process_open_fds": 100, "process_max_fds": 1000, "restante_unacked": 0,
		"restante_tcp_connections": 10, "restante_tcp_connections_limit": 900, "restante_slowest_reader_lag_messages": 0,
		"restante_tls_certificate_expires_timestamp_seconds": 1e10, "restante_dead_letters": 0, "restante_broker_dangers": 0,
		"restante_postgres_connections_in_use": 2, "restante_postgres_connections_max": 16,
	} {
		add(name, "", gauge(v, v))
	}
	for name, rate := range map[string]float64{
		"accepted_total": 150, "confirmed_total": 150, "stored_total": 150, "duplicates_total": 0, "announced_total": 150, "heard_total": 300,
		"destroyed_total": 0, "log_lines_lost_total": 0, "audit_lines_dropped_total": 0,
	} {
		add("restante_"+name, "", counter(rate, rate))
	}
	for name, labels := range map[string]string{
		"publish_failed_total": `code="unavailable"`, "batches_failed_total": `code="unavailable"`, "broker_connects_total": `connection="publish"`,
		"store_errors_total": `operation="append",code="unavailable"`, "http_requests_total": `route="POST /message",status="500"`,
		"forwarded_total": `target="api",outcome="unavailable"`, "limited_total": `limit="connections"`, "tokens_total": `outcome="unavailable"`,
	} {
		add("restante_"+name, labels, counter(0, 0))
	}
	add("restante_key_set_refreshes_total", `outcome="ok"`, counter(1, 1))
	add("restante_key_set_refreshes_total", `outcome="failed"`, counter(0, 0))
	add("restante_key_set_age_seconds", `issuer="",url="https://id.example.org/keys"`, gauge(60, 60))
	add("restante_key_file_reloads_total", `outcome="failed"`, counter(0, 0))
	for _, name := range []string{"confirm", "accept_to_store", "accept_to_heard", "deliver"} {
		for le, rate := range map[string]float64{"0.1": 150, "5": 150, "+Inf": 150} {
			add("restante_"+name+"_seconds_bucket", fmt.Sprintf("le=%q", le), counter(rate, rate))
		}
	}
	for _, role := range []string{"api", "consumer", "hub"} {
		alive := 2.0
		if alone {
			alive = 0
		}
		add("restante_nodes_alive", fmt.Sprintf("role=%q", role), gauge(alive, alive))
	}
	add("restante_epochs_ended_total", "", counter(0, 0))
	if alone {
		add("restante_sqlite_wal_bytes", "", gauge(16<<20, 16<<20))
	} else {
		add("restante_store_held", "", gauge(0, 0))
		add("restante_broker_blocked", `connection="publish"`, gauge(0, 0))
	}
}

// series returns the series of a scene. A change is named like "restante_check_up storing", by the name of a metric and values
// of labels. It applies to each series that has all of them. A name that ends with _ stands for all names that begin so.
func (s scene) series(t *testing.T) map[string]values {
	t.Helper()
	all := map[string]values{}
	node(all, "a", s.alone)
	if !s.alone {
		node(all, "b", false)
		for _, queue := range []string{"restante.intake.0", "restante.intake.1", "restante.inbox", "restante.dead"} {
			all[fmt.Sprintf("rabbitmq_detailed_queue_messages{queue=%q}", queue)] = gauge(3, 3)
			all[fmt.Sprintf("rabbitmq_detailed_queue_consumers{queue=%q}", queue)] = gauge(2, 2)
		}
	}
	for name, v := range s.change {
		words := strings.Fields(name)
		found := false
		for series := range all {
			metric, _, _ := strings.Cut(series, "{")
			fits := metric == words[0] || strings.HasSuffix(words[0], "_") && strings.HasPrefix(metric, words[0])
			for _, word := range words[1:] {
				fits = fits && strings.Contains(series, fmt.Sprintf("=%q", word))
			}
			if fits && v.gone {
				v.counter, v.well = all[series].counter, all[series].well
			}
			if fits {
				all[series], found = v, true
			}
		}
		if !found {
			t.Errorf("%s: no series is %q", s.name, name)
		}
	}
	return all
}

// ill returns the changes, and those of others.
func ill(change map[string]values, others ...map[string]values) map[string]values {
	all := maps.Clone(change)
	for _, o := range others {
		maps.Copy(all, o)
	}
	return all
}

var (
	nothingIsStored = map[string]values{
		"restante_stored_total": counter(150, 0), "restante_announced_total": counter(150, 0), "restante_heard_total": counter(300, 0),
		"restante_unacked": gauge(0, 500), "rabbitmq_detailed_queue_messages restante.intake.0": gauge(3, 50_000),
		"restante_accept_to_store_seconds_bucket": counter(150, 0), "restante_accept_to_heard_seconds_bucket": counter(150, 0),
		"restante_deliver_seconds_bucket": counter(150, 0),
	}
	nothingIsAccepted = map[string]values{
		"restante_publish_failed_total": counter(0, 150), "restante_confirmed_total": counter(150, 0), "restante_stored_total": counter(150, 0),
		"restante_announced_total": counter(150, 0), "restante_heard_total": counter(300, 0), "restante_confirm_seconds_bucket": counter(150, 0),
		"restante_check_up publishing": gauge(1, 0), "restante_check_up beating": gauge(1, 0), "restante_nodes_alive": gauge(2, 0),
		"restante_forwarded_total": counter(0, 10),
	}
	gone  = values{gone: true}
	event = values{counter: true, ill: 50, once: true}
)

// scenes has at least one scene for each alert. Each also proves that all other alerts keep silent.
var scenes = []scene{
	{name: "all is well"},
	{name: "all is well on one machine", alone: true},
	{name: "PostgreSQL is down", change: ill(nothingIsStored, map[string]values{
		"restante_check_up storing": gauge(1, 0), "restante_batches_failed_total": counter(0, 5), "restante_store_errors_total": counter(0, 5),
		"restante_postgres_connections_in_use": gauge(2, 16),
	}), fires: []string{"RestanteStoreDown page"}},
	{name: "the disk of one machine is full", alone: true, change: map[string]values{
		"restante_check_up storing": gauge(1, 0), "restante_batches_failed_total": counter(0, 5), "restante_store_errors_total": counter(0, 5),
		"restante_publish_failed_total": counter(0, 150), "restante_confirmed_total": counter(150, 0), "restante_stored_total": counter(150, 0),
	}, fires: []string{"RestanteStoreDown page"}},
	{name: "RabbitMQ is down", change: ill(nothingIsAccepted, map[string]values{
		"restante_check_up consuming": gauge(1, 0), "restante_check_up hearing": gauge(1, 0), "restante_batches_failed_total": counter(0, 5),
		"rabbitmq_detailed_queue_messages": gone, "rabbitmq_detailed_queue_consumers": gone,
	}), fires: []string{"RestanteBrokerDown page"}},
	{name: "RabbitMQ has an alarm", change: ill(nothingIsAccepted, map[string]values{"restante_broker_blocked": gauge(0, 1)}),
		fires: []string{"RestanteBrokerBlocked page"}},
	{name: "RabbitMQ and PostgreSQL are down", change: ill(nothingIsAccepted, map[string]values{
		"restante_check_up storing": gauge(1, 0), "restante_check_up consuming": gauge(1, 0), "restante_store_errors_total": counter(0, 5),
	}), fires: []string{"RestanteBrokerDown page", "RestanteStoreDown page"}},
	{name: "every node lacks something else", change: map[string]values{"restante_check_up topology": gauge(1, 0)}, fires: []string{"RestanteDegraded ticket"}},
	{name: "one node has lost RabbitMQ", change: map[string]values{"restante_check_up publishing a": gauge(1, 0)}, fires: []string{"RestanteCheckFails ticket"}},
	{name: "one hub does not hear", change: map[string]values{"restante_check_up hearing b": gauge(1, 0)}, fires: []string{"RestanteCheckFails ticket"}},
	{name: "no hub hears", change: map[string]values{"restante_check_up hearing": gauge(1, 0), "restante_heard_total": counter(300, 0)}, fires: []string{"RestanteNotHearing page"}},
	{name: "the nodes do not hear each other", change: map[string]values{
		"restante_check_up beating": gauge(1, 0), "restante_nodes_alive": gauge(2, 0), "restante_forwarded_total": counter(0, 10),
	}, fires: []string{"RestanteNotBeating page"}},
	{name: "no consumer registers", change: ill(nothingIsStored, map[string]values{
		"restante_check_up consuming": gauge(1, 0), "rabbitmq_detailed_queue_consumers": gauge(2, 0),
	}), fires: []string{"RestanteNotConsuming page"}},
	{name: "no consumer runs", change: ill(nothingIsStored, map[string]values{
		"restante_check_up consuming": gone, "restante_nodes_alive consumer": gauge(2, 0), "rabbitmq_detailed_queue_consumers": gauge(2, 0),
	}), fires: []string{"RestanteRoleMissing page"}},
	{name: "storing hangs", change: nothingIsStored, fires: []string{"RestanteNothingIsStored page"}},
	{name: "storing hangs and nobody sends", change: ill(nothingIsStored, map[string]values{"restante_confirmed_total": counter(150, 0)}), fires: []string{"RestanteNothingIsStored page"}},
	{name: "batches cannot be announced", change: ill(nothingIsStored, map[string]values{"restante_batches_failed_total": counter(0, 5)}), fires: []string{"RestanteBatchesFail page"}},
	{name: "nothing is heard", change: map[string]values{"restante_heard_total": counter(300, 0)}, fires: []string{"RestanteNothingIsHeard page"}},
	{name: "consumers are slow", change: map[string]values{
		"rabbitmq_detailed_queue_messages restante.intake.1": gauge(3, 9000), "restante_accept_to_store_seconds_bucket 0.1": counter(150, 0),
	}, fires: []string{"RestanteAcceptToStoreSlow ticket", "RestanteIntakeGrows page"}},
	{name: "one queue has no consumer", change: map[string]values{"rabbitmq_detailed_queue_consumers restante.intake.1": gauge(2, 0)}, fires: []string{"RestanteQueueWithoutConsumer page"}},
	{name: "some messages were refused", change: map[string]values{"restante_publish_failed_total": event}},
	{name: "a batch has failed", change: map[string]values{"restante_batches_failed_total": event, "restante_store_errors_total": event}},
	{name: "the messages of some rooms are refused", change: map[string]values{"restante_publish_failed_total": counter(0, 20)}, fires: []string{"RestantePublishFailures page"}},
	{name: "a node is down", change: map[string]values{"up a": gauge(1, 0)}, fires: []string{"RestanteNodeDown ticket"}},
	{name: "all nodes are down", change: map[string]values{
		"up": gauge(1, 0), "restante_": gone, "rabbitmq_detailed_queue_consumers": gauge(2, 0), "process_": gone,
	}, fires: []string{"RestanteAllNodesDown page"}},
	{name: "a node restarts again and again", change: map[string]values{"process_start_time_seconds a": counter(0, 1)}, fires: []string{"RestanteNodeRestarts ticket"}},
	{name: "a link breaks again and again", change: map[string]values{"restante_broker_connects_total a": counter(0, 1)}, fires: []string{"RestanteBrokerReconnects ticket"}},
	{name: "confirms are slow", change: map[string]values{"restante_confirm_seconds_bucket 0.1": counter(150, 0)}, fires: []string{"RestanteConfirmSlow ticket"}},
	{name: "hubs hear late", change: map[string]values{"restante_accept_to_heard_seconds_bucket 0.1": counter(150, 0)}, fires: []string{"RestanteAcceptToHubSlow ticket"}},
	{name: "a hub is overloaded", change: map[string]values{"restante_deliver_seconds_bucket 0.1 a": counter(150, 0)}, fires: []string{"RestanteDeliverySlow ticket"}},
	{name: "a reader is behind", change: map[string]values{"restante_slowest_reader_lag_messages a": gauge(0, 20_000)}, fires: []string{"RestanteReadersLag ticket"}},
	{name: "dead letters wait", change: map[string]values{"restante_dead_letters": gauge(0, 7)}, fires: []string{"RestanteDeadLetters ticket"}},
	{name: "messages are destroyed", change: map[string]values{"restante_destroyed_total a": counter(0, 5)}, fires: []string{"RestanteMessagesDestroyed page"}},
	{name: "a policy is dangerous", change: map[string]values{"restante_broker_dangers": gauge(0, 2)}, fires: []string{"RestanteBrokerDangers ticket"}},
	{name: "an epoch has ended", change: map[string]values{"restante_epochs_ended_total a": event}, fires: []string{"RestanteEpochEnded page"}},
	{name: "a node has another database", change: map[string]values{"restante_check_up store a": gauge(1, 0)}, fires: []string{"RestanteOtherStore page"}},
	{name: "a node holds its database", change: map[string]values{"restante_store_held a": gauge(0, 1)}, fires: []string{"RestanteStoreHeld ticket"}},
	{name: "nobody reads the log", change: map[string]values{"restante_log_lines_lost_total a": counter(0, 5)}, fires: []string{"RestanteLogLinesLost ticket"}},
	{name: "the audit log cannot be written", change: map[string]values{"restante_audit_lines_dropped_total a": counter(0, 5)}, fires: []string{"RestanteAuditLinesLost ticket"}},
	{name: "the store fails at times", change: map[string]values{"restante_store_errors_total": counter(0, 1)}, fires: []string{"RestanteStoreErrors ticket"}},
	{name: "a program holds the write-ahead log", alone: true, change: map[string]values{"restante_sqlite_wal_bytes": gauge(16<<20, 200<<20)}, fires: []string{"RestanteWALGrows ticket"}},
	{name: "all connections to PostgreSQL are in use", change: map[string]values{"restante_postgres_connections_in_use a": gauge(2, 16)}, fires: []string{"RestantePostgresPoolFull ticket"}},
	{name: "a certificate ends soon", change: map[string]values{"restante_tls_certificate_expires_timestamp_seconds a": gauge(1e10, 10*86400)}, fires: []string{"RestanteCertificateEndsSoon ticket"}},
	{name: "there is no certificate", change: map[string]values{"restante_tls_certificate_expires_timestamp_seconds a": gauge(1e10, 0)}, fires: []string{"RestanteCertificateMissing page"}},
	{name: "the key set cannot be fetched", change: map[string]values{
		"restante_key_set_refreshes_total ok a": counter(1, 0), "restante_key_set_refreshes_total failed a": counter(0, 1),
	}, fires: []string{"RestanteKeySetFails ticket"}},
	{name: "the key set is old", change: map[string]values{"restante_key_set_age_seconds a": gauge(60, 13*3600)}, fires: []string{"RestanteKeySetOld page"}},
	{name: "a changed key file is bad", change: map[string]values{"restante_key_file_reloads_total failed a": event}, fires: []string{"RestanteKeyFileBad ticket"}},
	{name: "there are no keys", change: map[string]values{"restante_tokens_total a": counter(0, 5)}, fires: []string{"RestanteTokensCannotBeChecked page"}},
	{name: "there are many connections", change: map[string]values{"restante_tcp_connections a": gauge(10, 890)}, fires: []string{"RestanteConnectionsNearLimit ticket"}},
	{name: "connections are rejected", change: map[string]values{"restante_limited_total a": counter(0, 5)}, fires: []string{"RestanteConnectionsTurnedAway ticket"}},
	{name: "requests cannot be forwarded", change: map[string]values{"restante_forwarded_total a": counter(0, 5)}, fires: []string{"RestanteForwardingFails ticket"}},
	{name: "requests are answered 500", change: map[string]values{"restante_http_requests_total": counter(0, 5)}, fires: []string{"RestanteServerErrors ticket"}},
	{name: "files run out", change: map[string]values{"process_open_fds a": gauge(100, 900)}, fires: []string{"RestanteFilesRunOut ticket"}},
}

// TestAlerts_FireForWhatIs plays every scene with promtool: the alerts of the scene fire, no others do, and when all is well
// again none does.
func TestAlerts_FireForWhatIs(t *testing.T) {
	promtool := testkit.Need(t, "promtool")
	rules, err := filepath.Abs("../../deploy/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	fired := map[string]bool{}
	var tests []map[string]any
	for _, s := range scenes {
		for _, alert := range s.fires {
			fired[strings.Fields(alert)[0]] = true
		}
		var series []map[string]any
		for name, v := range s.series(t) {
			series = append(series, map[string]any{"series": name, "values": v.text()})
		}
		slices.SortFunc(series, func(a, b map[string]any) int { return strings.Compare(a["series"].(string), b["series"].(string)) })
		tests = append(tests, map[string]any{
			"name": s.name, "interval": "30s", "input_series": series,
			"promql_expr_test": []any{firing(lateBefore, nil), firing(lateDuring, s.fires), firing(lateAfter, nil)},
		})
	}
	for _, r := range alerts(t) {
		if !fired[r.Alert] {
			t.Errorf("no scene has %s", r.Alert)
		}
	}
	text, err := yaml.Marshal(map[string]any{"rule_files": []string{rules}, "evaluation_interval": "30s", "tests": tests})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "scenes.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, regexp.MustCompile(`(?m)^\s*\n`).ReplaceAll(out, nil))
	}
}

// firing is a test that exactly these alerts fire at a time.
func firing(at string, expected []string) map[string]any {
	samples := []map[string]any{}
	for _, alert := range expected {
		words := strings.Fields(alert)
		samples = append(samples, map[string]any{"labels": fmt.Sprintf("{alertname=%q, severity=%q}", words[0], words[1]), "value": 1})
	}
	return map[string]any{"expr": `max by (alertname, severity) (ALERTS{alertstate="firing"})`, "eval_time": at, "exp_samples": samples}
}
