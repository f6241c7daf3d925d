package observe

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMetrics_AreDocumented compares the table of docs/metrics.md with the metrics of the nodes: none may be missing,
// none extra.
func TestMetrics_AreDocumented(t *testing.T) {
	shown := ofNodes(t)
	rows := regexp.MustCompile("(?m)^\\| `(restante_[a-z0-9_]+)` \\| ([a-z]+) \\| ([^|]*) \\| ([^|]*) \\| ([^|]*) \\|$").
		FindAllStringSubmatch(string(read(t, "docs/metrics.md")), -1)
	documented := map[string]bool{}
	for _, row := range rows {
		name, kind, labels, meaning := row[1], row[2], row[3], strings.TrimSpace(row[4])
		if documented[name] {
			t.Errorf("%s is documented twice", name)
		}
		documented[name] = true
		m, there := shown[name]
		if !there {
			t.Errorf("%s is documented, and no node shows it", name)
			continue
		}
		if kind != m.kind {
			t.Errorf("%s is documented as a %s, and is a %s", name, kind, m.kind)
		}
		if want := "`" + strings.Join(slices.Sorted(maps.Keys(m.labels)), "`, `") + "`"; labels != want && len(m.labels)+len(strings.TrimSpace(labels)) > 0 {
			t.Errorf("%s has the labels %s, documented are %s", name, want, labels)
		}
		if meaning == "" {
			t.Errorf("%s is documented without its meaning", name)
		}
	}
	for name, m := range shown {
		if !strings.HasPrefix(name, "restante_") {
			continue
		}
		if !documented[name] {
			t.Errorf("%s is not in docs/metrics.md", name)
		}
		if !strings.HasSuffix(m.help, ".") {
			t.Errorf("%s has the help text %q, which is not a sentence", name, m.help)
		}
	}
}

// TestMetrics_AlertsInTheManualExist checks the alerts that the tables name.
func TestMetrics_AlertsInTheManualExist(t *testing.T) {
	known := map[string]bool{}
	for _, r := range alerts(t) {
		known[r.Alert] = true
	}
	for _, document := range []string{"docs/metrics.md", "docs/operations.md"} {
		for _, name := range regexp.MustCompile("`(Restante[A-Za-z]+)`").FindAllStringSubmatch(string(read(t, document)), -1) {
			if !known[name[1]] {
				t.Errorf("%s names the alert %s, which is not there", document, name[1])
			}
		}
	}
}
