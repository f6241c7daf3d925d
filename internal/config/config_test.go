package config_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"

	"restante/internal/config"
	"restante/internal/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parse fills a Config as the command line does: from arguments, the environment and, with --config, a file.
func parse(t *testing.T, args ...string) (config.Config, error) {
	t.Helper()
	var app struct {
		Serve struct {
			config.Config
			File config.File `name:"config" env:"RESTANTE_CONFIG"`
		} `cmd:""`
		Send struct{} `cmd:""`
	}
	parser, err := kong.New(&app, config.Values(), kong.Exit(func(int) { t.Fatal("kong ended the process") }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return app.Serve.Config, err
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restante.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig_ZeroValueIsTheDocumentedDefault(t *testing.T) {
	for name, parsed := range map[string]func() (config.Config, error){
		"zero value": func() (config.Config, error) { return config.Config{}, nil },
		"no flags":   func() (config.Config, error) { return parse(t, "serve") },
	} {
		c, err := parsed()
		if err != nil {
			t.Fatal(name, err)
		}
		if err := c.Validate(); err != nil {
			t.Error(name, err)
		}
		c = c.Complete()
		if err := c.Validate(); err != nil {
			t.Error(name, "completed:", err)
		}
		if c.Listen != "127.0.0.1:8080" || c.Drain != 10*time.Second || c.LogLevel != slog.LevelInfo || c.LogFormat != "auto" || c.Auth != "" || c.ServesTLS() || c.JWT.Leeway != 5*time.Second {
			t.Errorf("%s: %+v", name, c)
		}
		if filepath.Base(c.Data) != "restante" || c.StorePath() != filepath.Join(c.Data, "restante.db") {
			t.Errorf("%s: data %q, store %q", name, c.Data, c.Store)
		}
	}
}

func TestConfig_DrainDelay(t *testing.T) {
	many := []string{"--broker", "amqp://rabbit/", "--store", "postgres://db/x"}
	for _, tc := range []struct {
		args []string
		want time.Duration
	}{
		{nil, 0},
		{many, 5 * time.Second},
		{append(many, "--drain", "4s"), 2 * time.Second},
		{append(many, "--drain-delay", "0s"), 0},
		{[]string{"--trusted-proxy", "10.0.0.0/8"}, 5 * time.Second},
		{[]string{"--drain-delay", "10s"}, 10 * time.Second},
		{[]string{"--config", writeFile(t, "drain-delay: 3s\n")}, 3 * time.Second},
	} {
		c, err := parse(t, append([]string{"serve"}, tc.args...)...)
		if err != nil {
			t.Error(tc.args, err)
		} else if got := *c.Complete().DrainDelay; got != tc.want {
			t.Errorf("%v: %v, want %v", tc.args, got, tc.want)
		}
	}
	for _, args := range [][]string{{"--drain-delay=-1s"}, {"--drain-delay", "11s"}, {"--drain", "3s", "--drain-delay", "4s"}} {
		if _, err := parse(t, append([]string{"serve"}, args...)...); err == nil || !strings.Contains(err.Error(), "--drain-delay") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestConfig_ReconnectWindow(t *testing.T) {
	for args, want := range map[string]time.Duration{"": 30 * time.Second, "0s": 0, "2m": 2 * time.Minute} {
		line := []string{"serve"}
		if args != "" {
			line = append(line, "--reconnect-window", args)
		}
		c, err := parse(t, line...)
		if err != nil {
			t.Fatal(args, err)
		}
		if got := *c.Complete().ReconnectWindow; got != want {
			t.Errorf("%q: %v, want %v", args, got, want)
		}
	}
	for _, wrong := range []string{"--reconnect-window=-1s", "--reconnect-window=11m"} {
		if _, err := parse(t, "serve", wrong); err == nil || !strings.Contains(err.Error(), "--reconnect-window") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestConfig_FlagsGoBeforeEnvironmentBeforeFile(t *testing.T) {
	file := writeFile(t, `
listen: 127.0.0.1:1111
data: /file/data
drain: 11s
log-level: error
cors-origin: [https://a.example, https://b.example]
`)
	t.Setenv("RESTANTE_LISTEN", "127.0.0.1:2222")
	t.Setenv("RESTANTE_DATA", "/env/data")
	c, err := parse(t, "serve", "--config", file, "--listen", "127.0.0.1:3333")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:3333" {
		t.Errorf("listen %q: the flag must win", c.Listen)
	}
	if c.Data != "/env/data" {
		t.Errorf("data %q: the environment must win over the file", c.Data)
	}
	if c.Drain != 11*time.Second || c.LogLevel != slog.LevelError || strings.Join(c.CORSOrigin, " ") != "https://a.example https://b.example" {
		t.Errorf("not from the file: %+v", c)
	}
}

func TestConfig_EveryFlagHasAnEnvironmentVariable(t *testing.T) {
	parser, err := kong.New(&struct{ config.Config }{})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range parser.Model.Flags[1:] { // --help is the first
		want := "RESTANTE_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if !slices.Equal(flag.Envs, []string{want}) {
			t.Errorf("--%s is %q in the environment, want %s", flag.Name, flag.Envs, want)
		}
	}

	file := writeFile(t, "drain: 3s\n")
	for name, value := range map[string]string{
		"LISTEN": "[::1]:1", "DATA": "/d", "STORE": "sqlite:/s", "AUTH": "none", "CORS_ORIGIN": "https://a.example,https://b.example",
		"LOG_LEVEL": "debug", "LOG_FORMAT": "json", "CONFIG": file, "TRUSTED_PROXY": "10.0.0.0/8,127.0.0.1",
		"TLS_CERT": "/c", "TLS_KEY": "/k", "LIMIT_SENDS": "-1", "LIMIT_CATCH_UPS": "5", "LIMIT_MEMORY": "2GiB",
	} {
		t.Setenv("RESTANTE_"+name, value)
	}
	c, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "[::1]:1" || c.Data != "/d" || c.Store != "sqlite:/s" || c.Auth != "none" || len(c.CORSOrigin) != 2 ||
		c.LogLevel != slog.LevelDebug || c.LogFormat != "json" || c.Drain != 3*time.Second || len(c.TrustedProxy) != 2 ||
		c.TLS != (config.TLS{Cert: "/c", Key: "/k"}) || c.Limit != (config.Limit{Sends: -1, CatchUps: 5, Memory: 2 << 30}) {
		t.Errorf("%+v", c)
	}
}

func TestFile_Faults(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	for name, tc := range map[string]struct{ path, want string }{
		"missing":     {missing, "none.yaml: no such file"},
		"not YAML":    {writeFile(t, "listen: [1"), "restante.yaml: line 1"},
		"not a map":   {writeFile(t, "- listen"), "restante.yaml: is not made of lines"},
		"unknown key": {writeFile(t, "lisen: 127.0.0.1:1\n"), `line 1 does not begin with the name of a flag of "serve": did you mean "listen"?`},
		"itself":      {writeFile(t, "config: other.yaml\n"), `line 1 does not begin with the name`},
		"wrong type":  {writeFile(t, "drain: [1, 2]\n"), "--drain"},
	} {
		_, err := parse(t, "serve", "--config", tc.path)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tc.want)
		}
	}
}

func TestFile_IsReadByItsCommandOnly(t *testing.T) {
	t.Setenv("RESTANTE_CONFIG", filepath.Join(t.TempDir(), "none.yaml"))
	if _, err := parse(t, "send"); err != nil {
		t.Error("a command without --config failed over RESTANTE_CONFIG:", err)
	}
	empty := writeFile(t, "")
	if _, err := parse(t, "serve", "--config", empty); err != nil {
		t.Error("an empty file:", err)
	}
}

func TestConfig_RefusesAnOpenAddressWithoutAuth(t *testing.T) {
	for listen, local := range map[string]bool{
		"127.0.0.1:0": true, "127.9.9.9:8080": true, "[::1]:8080": true, "[::ffff:127.0.0.1]:80": true, "localhost:8080": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "192.0.2.1:8080": false, "[2001:db8::1]:80": false,
	} {
		err := config.Config{Listen: listen}.Validate()
		if local != (err == nil) {
			t.Errorf("%s without --auth: %v", listen, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "--auth none") || !strings.Contains(err.Error(), "--auth jwt")) {
			t.Errorf("%s: the refusal does not say what to do: %v", listen, err)
		}
		if err := (config.Config{Listen: listen, Auth: config.AuthNone}).Validate(); err != nil {
			t.Errorf("%s with --auth none: %v", listen, err)
		}
	}
	err := config.Config{Listen: "no-such-host.invalid:80"}.Validate()
	if err == nil || !strings.Contains(err.Error(), "look up") {
		t.Errorf("a name that cannot be resolved: %v", err)
	}
}

func TestConfig_ListsEveryFaultAtOnce(t *testing.T) {
	err := config.Config{
		Listen: "nonsense", Store: "mysql://x", Auth: "magic", LogFormat: "xml", Drain: -time.Second,
		CORSOrigin: []string{"*", "https://ok.example"}, TrustedProxy: []string{"192.0.2.0/24", "everywhere"},
		TLS: config.TLS{Cert: "c"}, ACME: config.ACME{Domain: []string{"localhost"}, Email: "?"},
		Limit: config.Limit{Sends: 1 << 30, CatchUps: -1, Memory: -1}, Advertise: "?",
	}.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"--listen", "--store", "--auth", "--log-format", "--drain", "--cors-origin: '*'", "--trusted-proxy: \"everywhere\"",
		"--tls-cert", "--acme-domain: a certificate comes from one place", "--acme-domain: \"localhost\"", "--acme-email",
		"--limit-sends", "--limit-catch-ups", "--limit-memory", "--advertise",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "ok.example") || strings.Contains(err.Error(), "192.0.2.0") {
		t.Errorf("a valid setting is reported:\n%v", err)
	}
}

func TestConfig_Ports(t *testing.T) {
	for listen, ok := range map[string]bool{
		"127.0.0.1:http": true, "127.0.0.1:65535": true,
		"127.0.0.1:65536": false, "127.0.0.1:-1": false, "127.0.0.1:": false, "127.0.0.1": false, "::1:8080": false,
	} {
		if err := (config.Config{Listen: listen}).Validate(); ok != (err == nil) {
			t.Errorf("%q: %v", listen, err)
		}
	}
}

func TestConfig_OriginsAreTakenInAnySpelling(t *testing.T) {
	for origin, taken := range map[string]bool{
		"https://chat.example.org": true, "http://localhost:8081": true, "http://[::1]:3000": true, "capacitor://localhost": true,
		"https://Chat.Example.org": true, "https://chat.example.org:443": true, "https://bücher.example": true, "https://xn--bcher-kva.example": true,
		"https://chat.example.org/": false, "http://chat.example.org:80/x": false, "chat.example.org": false, "null": false, "https://": false,
		"https://u:p@chat.example.org": false, "https://chat.example.org:": false, "https://*.example.org": false,
	} {
		err := config.Config{CORSOrigin: []string{origin}}.Validate()
		if (err == nil) != taken || err != nil && !strings.Contains(err.Error(), origin[strings.LastIndexByte(origin, '@')+1:]+"\" is not an origin: ") {
			t.Errorf("%q: %v, want it to be taken: %v", origin, err, taken)
		}
	}
}

const (
	amqpURL     = "amqp://guest:secret@rabbit.example:5672/chat"
	postgresURL = "postgres://restante:secret@db.example/restante"
)

func TestConfig_ManyMachines(t *testing.T) {
	t.Setenv("RESTANTE_BROKER", amqpURL+",amqps://b.example")
	t.Setenv("RESTANTE_ROLES", "api,hub")
	c, err := parse(t, "serve", "--store", postgresURL, "--partitions", "16", "--advertise", "http://10.0.0.7:8080")
	if err != nil {
		t.Fatal(err)
	}
	if !c.ManyMachines() || len(c.Broker) != 2 || c.Broker[0] != amqpURL || c.Store != postgresURL || c.Partitions != 16 ||
		!slices.Equal(c.Roles, []peer.Role{peer.API, peer.Hub}) {
		t.Errorf("%+v", c)
	}
	if alone := (config.Config{}); alone.ManyMachines() || !slices.Equal(alone.Complete().Roles, peer.Roles()) {
		t.Errorf("by default: %+v", alone.Complete())
	}
}

func TestValidate_ShapesAndRoles(t *testing.T) {
	cluster := config.Config{Broker: []string{amqpURL}, Store: postgresURL}
	for name, tc := range map[string]struct {
		change func(c *config.Config)
		want   string
	}{
		"no broker for PostgreSQL": {func(c *config.Config) { c.Broker = nil }, "--store: PostgreSQL goes with RabbitMQ"},
		"SQLite for RabbitMQ":      {func(c *config.Config) { c.Store = "" }, "--store: RabbitMQ goes with PostgreSQL"},
		"no such store":            {func(c *config.Config) { c.Store = "mysql://secret@db" }, "--store: not a store"},
		"no such broker":           {func(c *config.Config) { c.Broker = []string{amqpURL, "kafka://secret@b"} }, "--broker: address 2 of 2"},
		"broker without a host":    {func(c *config.Config) { c.Broker = []string{"amqp:///x"} }, "--broker: address 1 of 1"},
		"two shapes":               {func(c *config.Config) { c.Broker = []string{"inproc:", amqpURL} }, "--broker: address 1 of 2"},
		"no such role":             {func(c *config.Config) { c.Roles = []peer.Role{"api", "king"} }, `--roles: "king" is not known`},
		"a role twice":             {func(c *config.Config) { c.Roles = []peer.Role{"api", "api"} }, `--roles: "api" is given twice`},
		"roles of one machine": {func(c *config.Config) {
			c.Broker, c.Store, c.Roles = nil, "", []peer.Role{"api"}
		}, "--roles: a server alone has all roles"},
		"too many partitions":       {func(c *config.Config) { c.Partitions = 257 }, "--partitions: 257 is not between 1 and 256"},
		"partitions of one machine": {func(c *config.Config) { c.Broker, c.Store, c.Partitions = nil, "", 4 }, "--partitions: only RabbitMQ has them"},
		"advertised path":           {func(c *config.Config) { c.Advertise = "http://a.example/x" }, "--advertise:"},
		"advertised scheme":         {func(c *config.Config) { c.Advertise = "https://a.example" }, "--advertise: this node answers http, not https"},
		"advertised nonsense":       {func(c *config.Config) { c.Advertise = "ftp://a.example" }, "is not http://HOST:PORT"},
		"a certificate's name": {func(c *config.Config) {
			c.TLS = config.TLS{Cert: "c", Key: "k"}
		}, "--advertise: the other nodes must know a name that is in the certificate"},
		"advertised without TLS": {func(c *config.Config) {
			c.TLS, c.Advertise = config.TLS{Cert: "c", Key: "k"}, "http://a.example"
		}, "--advertise: this node answers https, not http; use https://a.example"},
	} {
		c := cluster
		tc.change(&c)
		err := c.Validate()
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows a password: %v", name, err)
		}
	}
	withTLS := cluster
	withTLS.TLS, withTLS.Advertise = config.TLS{Cert: "c", Key: "k"}, "https://a.example:8443"
	for name, c := range map[string]config.Config{"http": cluster, "https": withTLS} {
		if err := c.Validate(); err != nil {
			t.Error(name, err)
		}
	}
}
