package observe

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// scraping is the part of prometheus.yml that we use. Anything else in the file is treated as a mistake.
type scraping struct {
	Global struct {
		ScrapeInterval     string `yaml:"scrape_interval"`
		EvaluationInterval string `yaml:"evaluation_interval"`
	} `yaml:"global"`
	RuleFiles     []string `yaml:"rule_files"`
	ScrapeConfigs []job    `yaml:"scrape_configs"`
}

type job struct {
	JobName       string     `yaml:"job_name"`
	ScrapeTimeout string     `yaml:"scrape_timeout"`
	MetricsPath   string     `yaml:"metrics_path"`
	Params        url.Values `yaml:"params"`
	Authorization struct {
		CredentialsFile string `yaml:"credentials_file"`
	} `yaml:"authorization"`
	StaticConfigs []struct {
		Targets []string `yaml:"targets"`
	} `yaml:"static_configs"`
	DNS []struct {
		Names           []string `yaml:"names"`
		Type            string   `yaml:"type"`
		Port            int      `yaml:"port"`
		RefreshInterval string   `yaml:"refresh_interval"`
	} `yaml:"dns_sd_configs"`
	Relabel []struct {
		SourceLabels []string `yaml:"source_labels"`
		TargetLabel  string   `yaml:"target_label"`
	} `yaml:"relabel_configs"`
}

func strictly(t *testing.T, file string, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(read(t, file)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func scrapeJob(t *testing.T, name string) job {
	t.Helper()
	var s scraping
	strictly(t, "deploy/prometheus/prometheus.yml", &s)
	i := slices.IndexFunc(s.ScrapeConfigs, func(j job) bool { return j.JobName == name })
	if i < 0 {
		t.Fatalf("prometheus.yml has no job %s", name)
	}
	return s.ScrapeConfigs[i]
}

// TestPrometheus_FindsTheServicesOfTheComposeFile compares the names and ports of the scrape configuration with the
// services.
func TestPrometheus_FindsTheServicesOfTheComposeFile(t *testing.T) {
	var compose struct {
		Services map[string]any `yaml:"services"`
	}
	if err := yaml.Unmarshal(read(t, "deploy/compose.yaml"), &compose); err != nil {
		t.Fatal(err)
	}
	nodes := scrapeJob(t, "restante")
	if got := nodes.DNS[0].Names; !slices.Equal(got, []string{"api", "consumer", "hub"}) || nodes.DNS[0].Port != 8080 {
		t.Errorf("the nodes are scraped at %q", got)
	}
	if len(nodes.Relabel) != 1 || !slices.Contains(targetLabels, nodes.Relabel[0].TargetLabel) {
		t.Errorf("the nodes get other labels than the queries may use: %+v", nodes.Relabel)
	}
	names := nodes.DNS[0].Names
	for target, name := range map[string]string{"rabbitmq:15692": "rabbitmq", "balancer:8404": "haproxy"} {
		if got := scrapeJob(t, name).StaticConfigs; len(got) != 1 || !slices.Equal(got[0].Targets, []string{target}) {
			t.Errorf("%s is scraped at %v", name, got)
		}
	}
	for _, name := range append(names, "rabbitmq", "balancer", "prometheus", "grafana") {
		if compose.Services[name] == nil {
			t.Errorf("the compose file has no service %s", name)
		}
	}
}

// TestPrometheus_HasAToken: nodes show no metrics without a token.
func TestPrometheus_HasAToken(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Environment map[string]string `yaml:"environment"`
			Secrets     []string          `yaml:"secrets"`
		} `yaml:"services"`
		Secrets map[string]any `yaml:"secrets"`
	}
	if err := yaml.Unmarshal(read(t, "deploy/compose.yaml"), &compose); err != nil {
		t.Fatal(err)
	}
	for name, service := range compose.Services {
		if service.Environment["RESTANTE_ROLES"] != "" && service.Environment["RESTANTE_AUTH"] != "jwt" {
			t.Errorf("%s has no token", name)
		}
	}
	secret, found := strings.CutPrefix(scrapeJob(t, "restante").Authorization.CredentialsFile, "/run/secrets/")
	if !found || compose.Secrets[secret] == nil || !slices.Contains(compose.Services["prometheus"].Secrets, secret) {
		t.Errorf("the token is expected in %q, which the compose file does not mount", secret)
	}
}

// TestPrometheus_WaitsForTheChecks: a node's checks may take three seconds during a scrape.
func TestPrometheus_WaitsForTheChecks(t *testing.T) {
	if limit, err := time.ParseDuration(scrapeJob(t, "restante").ScrapeTimeout); err != nil || limit < 5*time.Second {
		t.Errorf("a scrape may take %v (%v): nodes whose store hangs would seem to be down", limit, err)
	}
}
