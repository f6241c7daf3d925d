package observe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const dashboardFile = "deploy/grafana/restante.json"

type dashboard struct {
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Type, Definition string
			Datasource             datasource
		}
	}
	Annotations struct {
		List []struct {
			Expr       string
			TextFormat string
			Datasource datasource
		}
	}
}

type panel struct {
	ID          int
	Type, Title string
	Datasource  datasource
	Targets     []struct {
		RefID        string
		Expr         string
		LegendFormat string
		Datasource   datasource
	}
	GridPos struct{ X, Y, W, H int }
}

type datasource struct{ Type, UID string }

var chosen = datasource{"prometheus", "${datasource}"} // chosen by the variable

func loadDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.NewDecoder(bytes.NewReader(read(t, dashboardFile))).Decode(&d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 30 {
		t.Fatalf("only %d panels", len(d.Panels))
	}
	return d
}

func TestDashboard_PanelsHaveTheirPlaces(t *testing.T) {
	const width = 24
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range loadDashboard(t).Panels {
		if p.ID == 0 || ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q has no unique id or title", p.ID, p.Title)
		}
		ids[p.ID] = true
		at := p.GridPos
		if at.W < 1 || at.H < 1 || at.X < 0 || at.Y < 0 || at.X+at.W > width {
			t.Errorf("%q is outside the grid: %+v", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, is := taken[[2]int{x, y}]; is {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestDashboard_AsksTheChosenDataSource(t *testing.T) {
	d := loadDashboard(t)
	if d.UID == "" || d.Title == "" {
		t.Error("without a uid and a title it is a new dashboard at each start")
	}
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
		if v.Type == "query" && v.Datasource != chosen {
			t.Errorf("the variable %s asks %+v", v.Name, v.Datasource)
		}
	}
	if fmt.Sprint(variables) != "map[datasource:datasource instance:query roles:query]" {
		t.Errorf("the variables are %v", variables)
	}
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if p.Datasource != chosen || q.Datasource != chosen || refs[q.RefID] {
				t.Errorf("%q, query %s: asks %+v, or its letter is used twice", p.Title, q.RefID, q.Datasource)
			}
			refs[q.RefID] = true
		}
		if len(refs) == 0 {
			t.Errorf("%q has no query", p.Title)
		}
	}
}

func TestDashboard_AsksForWhatNodesShow(t *testing.T) {
	known, d := everything(t), loadDashboard(t)
	check := func(title, query, legend string) {
		query = strings.NewReplacer("$__rate_interval", "5m").Replace(query)
		for _, fault := range checkQuery(known, query, labelsIn(legend)) {
			t.Errorf("%s: %s", title, fault)
		}
	}
	asked := ""
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			check(p.Title, q.Expr, q.LegendFormat)
			asked += q.Expr
		}
	}
	for _, a := range d.Annotations.List {
		check("annotations", a.Expr, a.TextFormat)
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			query, label, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"), ", ")
			if !ok {
				t.Errorf("the variable %s is no label_values(metric, label): %s", v.Name, v.Definition)
			}
			check("variable "+v.Name, query, "{{"+label+"}}")
		}
	}
	for name := range known {
		if strings.HasPrefix(name, "restante_") && name != "restante_build_info" && !strings.Contains(asked, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// TestDashboard_IsProvisioned follows the files through the compose file.
func TestDashboard_IsProvisioned(t *testing.T) {
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool `yaml:"isDefault"`
			Editable                     bool
			JSONData                     struct {
				TimeInterval string `yaml:"timeInterval"`
			} `yaml:"jsonData"`
		}
	}
	strictly(t, "deploy/grafana/provisioning/datasources/prometheus.yaml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].URL != "http://prometheus:9090" || sources.Datasources[0].Type != "prometheus" {
		t.Errorf("the data sources are %+v", sources.Datasources)
	}
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type      string
			DisableDeletion bool `yaml:"disableDeletion"`
			AllowUIUpdates  bool `yaml:"allowUiUpdates"`
			Options         struct{ Path string }
		}
	}
	strictly(t, "deploy/grafana/provisioning/dashboards/restante.yaml", &providers)
	compose := string(read(t, "deploy/compose.yaml"))
	for _, mount := range []string{
		"source: ./grafana/provisioning, target: /etc/grafana/provisioning",
		"source: ./grafana, target: " + providers.Providers[0].Options.Path,
		"source: ./prometheus, target: /etc/prometheus",
	} {
		if !strings.Contains(compose, mount) {
			t.Errorf("the compose file does not mount %q", mount)
		}
	}
}
