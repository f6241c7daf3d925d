package observe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	"restante/internal/testkit"
)

// alerts returns the rules of alerts.yml, read as strictly as Prometheus reads them.
func alerts(t *testing.T) (all []rulefmt.Rule) {
	t.Helper()
	groups, faults := rulefmt.Parse(read(t, "deploy/prometheus/alerts.yml"), false, model.LegacyValidation)
	for _, err := range faults {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	for _, g := range groups.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("only %d rules", len(all))
	}
	return all
}

// labelUse matches the labels that a text uses from the result of its query.
var labelUse = regexp.MustCompile(`\{\{ *(?:\$labels\.)?([a-z_]+) *\}\}`)

func labelsIn(text string) (names []string) {
	for _, m := range labelUse.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

func TestAlerts_SayWhatIsWrongAndWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range alerts(t) {
		if seen[r.Alert] {
			t.Errorf("%s is defined twice", r.Alert)
		}
		seen[r.Alert] = true
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s has the severity %q", r.Alert, s)
		}
		for _, text := range []string{"summary", "description"} {
			if !strings.HasSuffix(r.Annotations[text], ".") {
				t.Errorf("%s: the %s is no sentence: %q", r.Alert, text, r.Annotations[text])
			}
		}
		if !regexp.MustCompile(`^docs/operations\.md#[a-z-]+$`).MatchString(r.Annotations["runbook_url"]) {
			t.Errorf("%s: its runbook is %q", r.Alert, r.Annotations["runbook_url"])
		}
	}
}

func TestAlerts_AskForWhatNodesShow(t *testing.T) {
	known := everything(t)
	for _, r := range alerts(t) {
		used := labelsIn(r.Annotations["summary"] + r.Annotations["description"])
		for _, fault := range checkQuery(known, r.Expr, used) {
			t.Errorf("%s: %s", r.Alert, fault)
		}
	}
}

// everything returns the metrics that Prometheus has: of the nodes, of RabbitMQ, and of Prometheus itself.
func everything(t *testing.T) metrics {
	t.Helper()
	all := ofNodes(t)
	all.add(t, ofRabbitMQ(t))
	all["up"] = &metric{kind: "gauge"}
	return all
}

// ofRabbitMQ returns the metrics of the tests' RabbitMQ node, from the path in prometheus.yml. It starts the plugin on
// another port.
func ofRabbitMQ(t *testing.T) string {
	t.Helper()
	addr := testkit.FreeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	if _, err := testkit.RabbitMQ(t).Node(0).Ctl(t.Context(), "eval", fmt.Sprintf(`
		Plugins = filename:dirname(code:lib_dir(rabbitmq_management)),
		[code:add_patha(D) || D <- filelib:wildcard(Plugins ++ "/{accept,prometheus,rabbitmq_prometheus}-*/ebin")],
		application:stop(rabbitmq_prometheus),
		application:load(rabbitmq_prometheus),
		ok = application:set_env(rabbitmq_prometheus, tcp_config, [{ip, "127.0.0.1"}, {port, %s}]),
		{ok, _} = application:ensure_all_started(rabbitmq_prometheus).`, port)); err != nil {
		testkit.Missing(t, "RabbitMQ's plugin rabbitmq_prometheus: %v", err)
	}
	job := scrapeJob(t, "rabbitmq")
	job.Params.Del("vhost") // the vhost of the compose file
	page := "http://" + addr + job.MetricsPath + "?" + job.Params.Encode()
	return eventually(t, page, "rabbitmq_detailed_queue_messages{", "rabbitmq_detailed_queue_consumers{")
}

// eventually returns a page as soon as it contains the texts: RabbitMQ counts its queues every five seconds.
func eventually(t *testing.T, url string, texts ...string) string {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); ; {
		page := get(t, url)
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(page, text) }) {
			return page
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not all of %q are in\n%s", texts, page)
		}
	}
}
