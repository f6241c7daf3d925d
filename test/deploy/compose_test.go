package deploy

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
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"restante/internal/testkit"
)

// secret is the secret of deploy/.env in these tests.
const secret = "0123456789abcdef0123456789abcdef"

// filled is what has no default: the secret and the passwords.
var filled = []string{"RESTANTE_JWT_SECRET=" + secret, "RABBITMQ_PASSWORD=r", "POSTGRES_PASSWORD=p", "GRAFANA_PASSWORD=g"}

// project loads the compose file with all its profiles, as docker compose does.
func project(t *testing.T, options ...cli.ProjectOptionsFn) *types.Project {
	t.Helper()
	p, err := loadProject(t, append([]cli.ProjectOptionsFn{cli.WithEnv(filled)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func loadProject(t *testing.T, options ...cli.ProjectOptionsFn) (*types.Project, error) {
	t.Helper()
	options = append([]cli.ProjectOptionsFn{cli.WithProfiles([]string{"*"})}, options...)
	o, err := cli.NewProjectOptions([]string{filepath.Join(root, "deploy/compose.yaml")}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return o.LoadProject(t.Context())
}

// restanteServices returns the names of the services that run restante.
func restanteServices(p *types.Project) (names []string) {
	for name, s := range p.Services {
		if s.Build != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func networks(s types.ServiceConfig) []string { return slices.Sorted(maps.Keys(s.Networks)) }

// pinned matches an image whose tag has at least a major and a minor version.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?[0-9]+\.[0-9]+[0-9a-z.-]*$`)

func TestCompose_EveryServiceIsPinnedWatchedLimitedAndConfined(t *testing.T) {
	p := project(t)
	if len(p.Services) < 6 {
		t.Fatalf("only %d services", len(p.Services))
	}
	for name, s := range p.Services {
		fault := func(bad bool, text string) {
			if bad {
				t.Errorf("%s: %s", name, text)
			}
		}
		fault(s.Build == nil && !pinned.MatchString(s.Image), "the image is not pinned: "+s.Image)
		fault(s.HealthCheck == nil || len(s.HealthCheck.Test) < 2 || s.HealthCheck.Interval == nil || s.HealthCheck.Timeout == nil, "no health check with an interval and a time limit")
		fault(s.Restart != "unless-stopped", "it is not restarted after a crash")
		fault(s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 || s.Deploy.Resources.Limits.NanoCPUs == 0, "no limits of memory and processors")
		fault(!slices.Contains(s.SecurityOpt, "no-new-privileges:true"), "it may gain privileges")
		fault(!slices.Contains(s.CapDrop, "ALL"), "it keeps capabilities")
		fault(len(s.Networks) == 0 || slices.Contains(networks(s), "default"), "it has no network")
		fault(s.Logging == nil || s.Logging.Options["max-size"] == "", "its log may fill the disk")
		fault(s.Privileged || s.NetworkMode != "", "it is not confined")
		if !slices.Contains([]string{"rabbitmq", "postgres"}, name) {
			fault(!s.ReadOnly, "it may write to its root file system")
			fault(len(s.CapAdd) > 0, "it is given capabilities")
		}
		for _, port := range s.Ports {
			fault(port.HostIP != "127.0.0.1", "port "+port.Published+" is published to other machines by default, without encryption")
		}
	}
}

func TestCompose_EveryMountedFileExists(t *testing.T) {
	p := project(t)
	count := 0
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type != "bind" {
				continue
			}
			count++
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s may write to %s", name, v.Source)
			}
		}
	}
	if count < 2 {
		t.Errorf("only %d files are mounted", count)
	}
}

func TestCompose_DataOutlivesTheContainers(t *testing.T) {
	p := project(t)
	for name, directory := range map[string]string{"rabbitmq": "/var/lib/rabbitmq", "postgres": "/var/lib/postgresql/data"} {
		if !slices.ContainsFunc(p.Services[name].Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Type == "volume" && v.Target == directory && p.Volumes[v.Source].Name != ""
		}) {
			t.Errorf("%s: %s is on no named volume", name, directory)
		}
	}
	if p.Services["rabbitmq"].Hostname == "" {
		t.Error("the name of the RabbitMQ node, to which its data belong, would change with the container")
	}
}

// TestCompose_NodesGetSettingsThatExist compares the settings of the nodes with the flags that exist.
func TestCompose_NodesGetSettingsThatExist(t *testing.T) {
	p, help := project(t), serveHelp(t)
	var roles []string
	for _, name := range restanteServices(p) {
		s := p.Services[name]
		for variable, value := range s.Environment {
			if strings.HasPrefix(variable, "RESTANTE_") && !strings.Contains(help, "($"+variable+")") {
				t.Errorf("%s: restante serve knows no %s", name, variable)
			}
			if variable == "RESTANTE_ROLES" {
				roles = append(roles, *value)
			}
		}
		drain, err := time.ParseDuration(*s.Environment["RESTANTE_DRAIN"])
		if err != nil || s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= drain {
			t.Errorf("%s is killed after %v, before it has drained (%v, %v)", name, s.StopGracePeriod, drain, err)
		}
		if len(s.Ports) > 0 || s.ContainerName != "" || s.Hostname != "" {
			t.Errorf("%s cannot be scaled: two of them would have the same port or name", name)
		}
		for _, other := range []string{"rabbitmq", "postgres"} {
			if s.DependsOn[other].Condition != types.ServiceConditionHealthy {
				t.Errorf("%s does not wait for %s", name, other)
			}
		}
	}
	slices.Sort(roles)
	if !slices.Equal(roles, []string{"api", "consumer", "hub"}) {
		t.Errorf("the roles of the nodes are %q", roles)
	}
}

func TestCompose_DatabasesAreNotReachableFromOutside(t *testing.T) {
	p := project(t)
	if !p.Networks["data"].Internal {
		t.Error("the network of RabbitMQ and PostgreSQL leads outside")
	}
	if got := networks(p.Services["postgres"]); !slices.Equal(got, []string{"data"}) {
		t.Errorf("postgres is in %q", got)
	}
	if slices.Contains(networks(p.Services["balancer"]), "data") {
		t.Error("the load balancer reaches RabbitMQ and PostgreSQL")
	}
}

// TestCompose_RequiresTokensAndPasswords: nothing starts without a secret, or with a password that everybody knows.
func TestCompose_RequiresTokensAndPasswords(t *testing.T) {
	for i, missing := range filled {
		name, _, _ := strings.Cut(missing, "=")
		for _, value := range []string{"", name + "="} {
			env := slices.Clone(filled)
			env[i] = value
			if value == "" {
				env = slices.Delete(env, i, i+1)
			}
			if _, err := loadProject(t, cli.WithEnv(env)); err == nil || !strings.Contains(err.Error(), "deploy/.env") || !strings.Contains(err.Error(), name) {
				t.Errorf("with %q: %v", env, err)
			}
		}
	}
	p := project(t)
	for _, name := range restanteServices(p) {
		env := p.Services[name].Environment
		if *env["RESTANTE_AUTH"] != "jwt" || *env["RESTANTE_JWT_SECRET"] != secret {
			t.Errorf("%s does not require a token", name)
		}
	}
}

// TestCompose_NodesTrustTheLoadBalancer: its address is in the network that the nodes trust, and in no other.
func TestCompose_NodesTrustTheLoadBalancer(t *testing.T) {
	for _, subnet := range []string{"10.117.42.0/24", "10.1.2.0/24"} {
		p := project(t, cli.WithEnv([]string{"NODES_NETWORK=" + subnet}))
		if got := networks(p.Services["balancer"]); !slices.Equal(got, []string{"nodes"}) {
			t.Errorf("the load balancer is in %q", got)
		}
		if pools := p.Networks["nodes"].Ipam.Config; len(pools) != 1 || pools[0].Subnet != subnet {
			t.Errorf("its network is not %s", subnet)
		}
		for _, name := range restanteServices(p) {
			if got := *p.Services[name].Environment["RESTANTE_TRUSTED_PROXY"]; got != subnet {
				t.Errorf("%s believes %s, not %s", name, got, subnet)
			}
		}
	}
}

// TestCompose_SecretsAreInNeitherGitNorTheImage checks that files with secrets are in neither git nor the image's build.
func TestCompose_SecretsAreInNeitherGitNorTheImage(t *testing.T) {
	git, build := read(t, ".gitignore"), read(t, ".dockerignore")
	files := []string{"deploy/.env"}
	for _, s := range project(t).Secrets {
		files = append(files, "deploy/"+filepath.Base(s.File))
		if dir := filepath.Base(filepath.Dir(s.File)); dir != "deploy" {
			t.Errorf("%s is not in deploy", s.File)
		}
	}
	if len(files) < 2 {
		t.Error("no file has a token for Prometheus")
	}
	for _, file := range files {
		if !strings.Contains(git, "/"+file+"\n") {
			t.Errorf("git does not ignore %s: it would be committed", file)
		}
		if !strings.Contains(build, file+"\n") {
			t.Errorf("%s would be in the build", file)
		}
	}
}

// TestCompose_Settings checks that the example names every setting with its default value. A required setting is empty
// there.
func TestCompose_Settings(t *testing.T) {
	file, example := uncommented(read(t, "deploy/compose.yaml")), uncommented(read(t, "deploy/.env.example"))
	defaults := map[string]string{}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+):-([^}]*)\}`).FindAllStringSubmatch(file, -1) {
		if before, again := defaults[m[1]]; again && before != m[2] {
			t.Errorf("%s has two defaults, %q and %q", m[1], before, m[2])
		}
		defaults[m[1]] = m[2]
	}
	for _, name := range all(`\$\{([A-Z_]+):\?`, file) {
		defaults[name] = ""
	}
	if got := all(`\$\{([A-Z_]+)[^:A-Z_]`, file); len(got) > 0 {
		t.Errorf("without a default: %q", got)
	}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z_]+)=(.*)$`).FindAllStringSubmatch(example, -1) {
		value, used := defaults[m[1]]
		if !used {
			t.Errorf(".env.example has %s, which compose.yaml does not use", m[1])
		} else if value != m[2] {
			t.Errorf("%s: the example says %q, the default is %q", m[1], m[2], value)
		}
		delete(defaults, m[1])
	}
	for name := range defaults {
		t.Errorf(".env.example does not have %s", name)
	}
}

// TestCompose_OneCommandFillsInWhatIsNeeded runs it in a copy of the directory.
func TestCompose_OneCommandFillsInWhatIsNeeded(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"new-env.sh", ".env.example"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(read(t, "deploy/"+name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := func() (env []string, err error) {
		if out, err := exec.Command("sh", filepath.Join(dir, "new-env.sh")).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		text, err := os.ReadFile(filepath.Join(dir, ".env"))
		return regexp.MustCompile(`(?m)^[A-Z_]+=.*$`).FindAllString(string(text), -1), err
	}
	env, err := made()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, setting := range env {
		name, value, _ := strings.Cut(setting, "=")
		if !slices.ContainsFunc(filled, func(f string) bool { return strings.HasPrefix(f, name+"=") }) {
			continue
		}
		if len(value) != 48 || seen[value] {
			t.Errorf("%s has %d characters, or the value of another setting", name, len(value))
		}
		seen[value] = true
	}
	if len(seen) != len(filled) {
		t.Errorf("%d of %d settings are filled in", len(seen), len(filled))
	}
	if _, err := loadProject(t, cli.WithEnv(env)); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, ".env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if _, err := made(); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("the passwords of servers that may have data were replaced: %v", err)
	}
}

func TestCompose_SettingsArrive(t *testing.T) {
	p := project(t, cli.WithEnv([]string{"RABBITMQ_PASSWORD=secret1", "POSTGRES_PASSWORD=secret2", "HUB_NODES=5", "RESTANTE_PUBLISH=10.0.0.1:80"}))
	hub := p.Services["hub"]
	if *hub.Deploy.Replicas != 5 || *p.Services["api"].Deploy.Replicas != 2 {
		t.Error("the number of nodes is not the one that was asked for")
	}
	if !strings.Contains(*hub.Environment["RESTANTE_BROKER"], ":secret1@") || !strings.Contains(*hub.Environment["RESTANTE_STORE"], ":secret2@") {
		t.Error("the nodes do not get the passwords")
	}
	if *p.Services["rabbitmq"].Environment["RABBITMQ_DEFAULT_PASS"] != "secret1" || *p.Services["postgres"].Environment["POSTGRES_PASSWORD"] != "secret2" {
		t.Error("the servers do not get the passwords")
	}
	if port := p.Services["balancer"].Ports[0]; port.HostIP != "10.0.0.1" || port.Published != "80" {
		t.Errorf("the load balancer is published on %s:%s", port.HostIP, port.Published)
	}
}

// TestCompose_HealthChecksOfNodesWork runs their commands, as far as possible without a server.
func TestCompose_HealthChecksOfNodesWork(t *testing.T) {
	p := project(t)
	for _, name := range restanteServices(p) {
		test := p.Services[name].HealthCheck.Test
		if test[0] != "CMD" || test[1] != "/restante" {
			t.Fatalf("%s: %q: there is no shell in the image", name, test)
		}
		server := testkit.Start(t, testkit.Options{})
		out := testkit.Run(t, "", testkit.Binary(t), append(slices.Clone(test[2:]), "--url", server.URL())...)
		if out != "ready\n" {
			t.Errorf("%s: %q", name, out)
		}
	}
}
