package observe

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Labels that Prometheus adds, by prometheus.yml.
var targetLabels = []string{"instance", "job", "roles"}

// anyValue are the labels whose values a short test has not seen, or does not know.
var anyValue = []string{"instance", "job", "roles", "status", "queue"}

// checkQuery parses a query and checks that each of its metrics, labels and label values is known. used are the labels
// by which a reader tells its results apart.
func checkQuery(known metrics, query string, used []string) (faults []string) {
	expr, err := parser.ParseExpr(query)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", query, err)}
	}
	fault := func(format string, args ...any) {
		faults = append(faults, query+": "+fmt.Sprintf(format, args...))
	}
	has := func(in parser.Node, label string) bool { // every metric in the expression has it
		for _, s := range selectors(in) {
			if !slices.Contains(known.labelsOf(s.Name), label) {
				return false
			}
		}
		return true
	}
	for _, s := range selectors(expr) {
		m := known.find(s.Name)
		if m == nil {
			fault("no program shows %s", s.Name)
			continue
		}
		for _, matcher := range s.LabelMatchers {
			if matcher.Name != labels.MetricName && !slices.Contains(known.labelsOf(s.Name), matcher.Name) {
				fault("%s has no label %s", s.Name, matcher.Name)
			} else if values := m.labels[matcher.Name]; values != nil && !slices.Contains(anyValue, matcher.Name) && !matchesOne(matcher, values) {
				fault("no %s of %s, which are %v", matcher, s.Name, slices.Sorted(maps.Keys(values)))
			}
		}
	}
	aggregates(expr, func(a *parser.AggregateExpr) {
		for _, label := range a.Grouping {
			if !has(a.Expr, label) {
				fault("what is aggregated by %s has no such label", label)
			}
		}
	})
	result := kept(expr)
	left := map[string]bool{} // labels of the results
	aggregated := false
	aggregates(result, func(a *parser.AggregateExpr) {
		aggregated = true
		for _, label := range a.Grouping {
			left[label] = true
		}
	})
	for _, label := range used {
		if aggregated && !left[label] || !aggregated && !has(result, label) {
			fault("its results have no label %s", label)
		}
	}
	return faults
}

// kept returns the part of an expression whose series are the results: what follows "and" and "unless" only chooses among them.
func kept(expr parser.Expr) parser.Expr {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return kept(e.Expr)
	case *parser.BinaryExpr:
		if e.Op == parser.LAND || e.Op == parser.LUNLESS {
			return kept(e.LHS)
		}
	}
	return expr
}

func aggregates(in parser.Node, do func(*parser.AggregateExpr)) {
	parser.Inspect(in, func(n parser.Node, _ []parser.Node) error {
		if a, is := n.(*parser.AggregateExpr); is {
			do(a)
		}
		return nil
	})
}

func selectors(in parser.Node) (found []*parser.VectorSelector) {
	parser.Inspect(in, func(n parser.Node, _ []parser.Node) error {
		if s, is := n.(*parser.VectorSelector); is {
			found = append(found, s)
		}
		return nil
	})
	return found
}

// matchesOne reports whether the matcher accepts one of the values and, if it excludes values, also excludes one.
func matchesOne(m *labels.Matcher, values map[string]bool) bool {
	if m.Type == labels.MatchNotEqual || m.Type == labels.MatchNotRegexp {
		inverse, err := m.Inverse()
		return err == nil && matchesOne(inverse, values)
	}
	for v := range values {
		if m.Matches(v) {
			return true
		}
	}
	return false
}

var histogramPart = regexp.MustCompile(`_(bucket|sum|count)$`)

// find returns the metric of a series, or nil.
func (all metrics) find(series string) *metric {
	if family := histogramPart.ReplaceAllString(series, ""); family != series {
		if m := all[family]; m != nil && m.kind == "histogram" {
			return m
		}
	}
	if m := all[series]; m != nil && m.kind != "histogram" {
		return m
	}
	return nil
}

// labelsOf returns the labels of the series of a name, including those that Prometheus adds.
func (all metrics) labelsOf(series string) []string {
	found := slices.Clone(targetLabels)
	if m := all.find(series); m != nil {
		found = slices.AppendSeq(found, maps.Keys(m.labels))
		if m.kind == "histogram" && strings.HasSuffix(series, "_bucket") {
			found = append(found, "le")
		}
	}
	return found
}

// TestCheckQuery_FindsFaults proves that checkQuery does not accept everything.
func TestCheckQuery_FindsFaults(t *testing.T) {
	known := metrics{
		"jobs_total":  {kind: "counter", labels: map[string]map[string]bool{"code": {"bad": true, "worse": true}}},
		"job_seconds": {kind: "histogram"},
	}
	for query, want := range map[string]string{
		`sum by (code) (rate(jobs_total{code=~"bad|good", instance="x"}[5m]))`: "",
		`histogram_quantile(0.9, sum by (le) (rate(job_seconds_bucket[5m])))`:  "",
		`rate(jobs_total[5m]`:                               "unclosed",
		`rate(job_total[5m])`:                               "no program shows job_total",
		`rate(job_seconds[5m])`:                             "no program shows job_seconds",
		`rate(jobs_total_count[5m])`:                        "no program shows",
		`jobs_total and on () sum(jobs_total) > 0`:          "",
		`sum(jobs_total) unless on () jobs_total`:           "results have no label code",
		`jobs_total{kind="x"}`:                              "no label kind",
		`jobs_total{code="good"}`:                           "no code=",
		`jobs_total{code!="good"}`:                          "no code!=",
		`sum by (le) (rate(job_seconds_sum[5m]))`:           "aggregated by le",
		`sum by (instance) (jobs_total) / sum(job_seconds)`: "no program shows job_seconds",
		`sum(jobs_total)`:                                   "results have no label code",
		`job_seconds_count`:                                 "results have no label code",
	} {
		var used []string
		if strings.Contains(want, "results") {
			used = []string{"code"}
		}
		got := strings.Join(checkQuery(known, query, used), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
