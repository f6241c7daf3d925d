package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"restante/internal/config"
)

// secret is as long as a server requires, and easy to find where it must not appear.
var secret = strings.Repeat("correct-horse", 3)

func TestValidate_Tokens(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(c *config.Config)
		want   string // "": valid
	}{
		"a secret":            {func(*config.Config) {}, ""},
		"two secrets":         {func(c *config.Config) { c.JWT.Secret = config.Secrets{secret, secret + "2"} }, ""},
		"a key":               {func(c *config.Config) { c.JWT = config.JWT{Key: []string{"key.pem"}} }, ""},
		"a key set":           {func(c *config.Config) { c.JWT, c.JWKSURL = config.JWT{}, []string{"https://id.example.org/keys?v=1"} }, ""},
		"all there is":        {func(c *config.Config) { c.JWT.Issuer, c.JWT.Audience, c.JWT.Leeway = "i", "a", 5*time.Minute }, ""},
		"a key set of here":   {func(c *config.Config) { c.JWT, c.JWKSURL = config.JWT{}, []string{"http://127.0.0.1:9000/keys"} }, ""},
		"a name of here":      {func(c *config.Config) { c.JWT, c.JWKSURL = config.JWT{}, []string{"http://localhost:9000/keys"} }, ""},
		"a set of an issuer":  {func(c *config.Config) { c.JWKSURL = []string{"https://id.example.org=https://id.example.org/keys?v=1"} }, ""},
		"a key of an issuer":  {func(c *config.Config) { c.JWT.Key = []string{"https://id.example.org=key.pem"} }, ""},
		"tokens of a century": {func(c *config.Config) { c.JWT.MaxTTL, c.JWKSMaxAge = 100*365*24*time.Hour, 10*time.Minute }, ""},
		"on every interface":  {func(c *config.Config) { c.Listen = ":8080" }, ""},

		"nothing":                 {func(c *config.Config) { c.JWT = config.JWT{} }, "--auth: jwt needs to know which tokens are valid; add --jwt-secret-file FILE, --jwt-secret, --jwt-key FILE or --jwks-url"},
		"a short secret":          {func(c *config.Config) { c.JWT.Secret = config.Secrets{secret, "correct-horse"} }, "--jwt-secret: secret 2 of 2 has fewer than 32 bytes"},
		"one byte short":          {func(c *config.Config) { c.JWT.Secret = config.Secrets{secret[:31]} }, "--jwt-secret: secret 1 of 1"},
		"an empty key":            {func(c *config.Config) { c.JWT.Key = []string{""} }, "--jwt-key"},
		"an issuer without a key": {func(c *config.Config) { c.JWT.Key = []string{"https://id.example.org="} }, "--jwt-key: the name of a file is empty"},
		"an unsafe set of many": {func(c *config.Config) {
			c.JWKSURL = []string{"https://id.example.org/", "https://b=http://b.example.org/correct-horse"}
		}, "--jwks-url"},
		"tokens of two centuries": {func(c *config.Config) { c.JWT.MaxTTL = 200 * 365 * 24 * time.Hour }, "--jwt-max-ttl"},
		"tokens of no time":       {func(c *config.Config) { c.JWT.MaxTTL = -1 }, "--jwt-max-ttl"},
		"a key set of a minute":   {func(c *config.Config) { c.JWKSMaxAge = time.Minute }, "--jwks-max-age: 1m0s is not between 10m0s"},
		"a key set over http":     {func(c *config.Config) { c.JWKSURL = []string{"http://id.example.org/keys?correct-horse"} }, "--jwks-url"},
		"a key set of a neighbor": {func(c *config.Config) { c.JWKSURL = []string{"http://10.0.0.1/keys"} }, "--jwks-url"},
		"a key set without host":  {func(c *config.Config) { c.JWKSURL = []string{"https:///keys"} }, "--jwks-url"},
		"a key set with password": {func(c *config.Config) { c.JWKSURL = []string{"https://ann:correct-horse@id.example.org/"} }, "--jwks-url"},
		"leeway below zero":       {func(c *config.Config) { c.JWT.Leeway = -time.Second }, "--jwt-leeway: -1s is not between 0s and 5m0s"},
		"leeway of hours":         {func(c *config.Config) { c.JWT.Leeway = time.Hour }, "--jwt-leeway"},

		"a secret without jwt":   {func(c *config.Config) { c.Auth = config.AuthNone }, "add it, or leave out --jwt-secret"},
		"a secret without mode":  {func(c *config.Config) { c.Auth = config.AuthUnsaid }, "add it, or leave out --jwt-secret"},
		"a key without jwt":      {func(c *config.Config) { c.Auth, c.JWT = "none", config.JWT{Key: []string{"k"}} }, "leave out --jwt-key"},
		"a key set without jwt":  {func(c *config.Config) { c.Auth, c.JWT, c.JWKSURL = "", config.JWT{}, []string{"https://a.b/"} }, "leave out --jwks-url"},
		"an issuer of nothing":   {func(c *config.Config) { c.Auth, c.JWT = "", config.JWT{Issuer: "i"} }, "leave out --jwt-issuer"},
		"an audience of nothing": {func(c *config.Config) { c.Auth, c.JWT = "", config.JWT{Audience: "a"} }, "leave out --jwt-audience"},
		"a leeway for nothing":   {func(c *config.Config) { c.Auth, c.JWT = "", config.JWT{Leeway: 1} }, "leave out --jwt-leeway"},
		"an end for nothing":     {func(c *config.Config) { c.Auth, c.JWT = "", config.JWT{MaxTTL: time.Hour} }, "leave out --jwt-max-ttl"},
		"an age for nothing":     {func(c *config.Config) { c.Auth, c.JWT, c.JWKSMaxAge = "", config.JWT{}, time.Hour }, "leave out --jwks-max-age"},
		"two things for nothing": {func(c *config.Config) { c.Auth, c.JWT.Issuer = "none", "i" }, "leave out --jwt-secret, --jwt-issuer"},
		"a mode that is not":     {func(c *config.Config) { c.Auth = "magic" }, `--auth: "magic" is not known; use jwt or none`},
	} {
		c := config.Config{Auth: config.AuthJWT, JWT: config.JWT{Secret: config.Secrets{secret}}}
		tc.change(&c)
		err := c.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "correct-horse") {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
}

func TestValidate_TrustedProxies(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "", "127.0.0.1": "", "::1": "", "2001:db8::/32": "", "192.0.2.7/32": "",
		"0.0.0.0/0": "is everybody", "::/0": "is everybody", "10.1.2.3/0": "is everybody",
		"proxy.example.org": "is not an address", "10.0.0.0/33": "is not an address", "": "is not an address", "10.0.0": "is not an address",
		"10.0.0.0/8,127.0.0.1": "is not an address", "127.0.0.1:80": "is not an address", "fe80::1%eth0": "is not an address",
		"10.1.2.3/8":      "use 10.1.2.3 for it alone, or 10.0.0.0/8",
		"::ffff:10.0.0.1": "write it as IPv4", "::ffff:10.0.0.0/104": "write it as IPv4",
	} {
		err := config.Config{TrustedProxy: []string{text}}.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	c := config.Config{TrustedProxy: []string{"10.0.0.0/8", "127.0.0.1", "::1"}}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}
	if got := c.TrustedProxies(); !slices.Equal(got, want) {
		t.Errorf("trusted are %v, want %v", got, want)
	}
	if got := (config.Config{}).TrustedProxies(); len(got) > 0 {
		t.Errorf("by default %v is trusted", got)
	}
}

func TestValidate_Limits(t *testing.T) {
	most := config.Limit{
		Sends: 1e7, Requests: 1e7, Connections: 1e7, ConnectionsPerAddress: 1e7, ConnectionsPerClient: 1e7, Rooms: 1e7, RoomsPerClient: 1e7, CatchUps: 1e4, Memory: 1 << 50,
	}
	none := config.Limit{Sends: -1, Requests: -1, Connections: -1, ConnectionsPerAddress: -1, ConnectionsPerClient: -1, Rooms: -7}
	for _, valid := range []config.Limit{{}, most, none} {
		if err := (config.Config{Limit: valid}).Validate(); err != nil {
			t.Errorf("%+v: %v", valid, err)
		}
	}
	for flag, absurd := range map[string]config.Limit{
		"--limit-sends": {Sends: 1e7 + 1}, "--limit-requests": {Requests: 1e7 + 1}, "--limit-connections": {Connections: 1e7 + 1},
		"--limit-connections-per-address": {ConnectionsPerAddress: 1e7 + 1}, "--limit-connections-per-client": {ConnectionsPerClient: 1e7 + 1},
		"--limit-rooms": {Rooms: 1e7 + 1}, "--limit-rooms-per-client": {RoomsPerClient: 1e7 + 1}, "--limit-catch-ups": {CatchUps: 1e4 + 1}, "--limit-memory": {Memory: 8<<20 - 1},
	} {
		if err := (config.Config{Limit: absurd}).Validate(); err == nil || !strings.HasPrefix(err.Error(), flag+": ") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	if err := (config.Config{Limit: config.Limit{CatchUps: -1}}).Validate(); err == nil || !strings.Contains(err.Error(), "--limit-catch-ups") {
		t.Errorf("no limit of catch-ups: %v", err)
	}
}

func TestSecrets_AreNotShown(t *testing.T) {
	c := config.Config{Auth: config.AuthJWT, JWT: config.JWT{Secret: config.Secrets{secret, secret}}}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("", "all", c, "jwt", c.JWT, "secret", c.JWT.Secret)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("", "all", c, "jwt", c.JWT, "secret", c.JWT.Secret)
	for name, dump := range map[string]string{
		"%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", &c), "%#v": fmt.Sprintf("%#v", c),
		"JSON": string(asJSON), "log": logged.String(),
	} {
		if strings.Contains(dump, "correct-horse") || !strings.Contains(dump, "(2 hidden)") {
			t.Errorf("%s shows %s", name, dump)
		}
	}
}

// A mistake beside a secret, on the command line, in the environment or in the file, must not print it.
func TestSecrets_AreNotInErrorsOrHelp(t *testing.T) {
	for name, args := range map[string][]string{
		"wrong name of a flag": {"serve", "--jwt-sekret=" + secret},
		"wrong mode":           {"serve", "--auth=jw"},
		"wrong type":           {"serve", "--jwt-leeway=x"},
		"a map in a file":      {"serve", "--config", writeFile(t, "jwt-secret: {a: "+secret+"}\n")},
		"a list in a list":     {"serve", "--config", writeFile(t, "jwt-secret: [["+secret+"]]\n")},
		"a number in a file":   {"serve", "--config", writeFile(t, "auth: jwt\njwt-secret: 471147114711\n")},
		"only a secret":        {"serve", "--config", writeFile(t, secret+"\n")},
		"no space":             {"serve", "--config", writeFile(t, "jwt-secret:"+secret+"\n")},
		"broken quotes":        {"serve", "--config", writeFile(t, "jwt-secret: \""+secret+"\nlisten: x")},
	} {
		if args[1] != "--config" {
			args = append(args, "--jwt-secret", secret)
		}
		_, err := parse(t, args...)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "correct") || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}

	t.Setenv("RESTANTE_JWT_SECRET", secret)
	var out bytes.Buffer
	var app struct {
		Serve config.Config `cmd:""`
	}
	parser, err := kong.New(&app, kong.Writers(&out, &out), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = parser.Parse([]string{"serve", "--help"})
	if help := out.String(); strings.Contains(help, "correct") || !strings.Contains(help, "$RESTANTE_JWT_SECRET") {
		t.Errorf("the help shows the secret, or not where it belongs:\n%s", help)
	}
}

func TestFile_TakesTokensAsListOrText(t *testing.T) {
	for name, content := range map[string]string{
		"text": "auth: jwt\njwt-secret: 'a, b" + secret + "'\njwt-key: /a.pem,/b.pem\ntrusted-proxy: 10.0.0.0/8,127.0.0.1\n",
		"list": "auth: jwt\njwt-secret: ['a, b" + secret + "']\njwt-key: [/a.pem, /b.pem]\ntrusted-proxy: [10.0.0.0/8, 127.0.0.1]\n",
	} {
		c, err := parse(t, "serve", "--config", writeFile(t, content+`jwks-url: https://id.example.org/keys
jwt-issuer: https://id.example.org
jwt-audience: chat
jwt-leeway: 10s
acme-domain: [a.example.org, b.example.org]
acme-email: ops@example.org
limit-sends: 7
limit-rooms: -1
`))
		if err != nil {
			t.Fatal(name, err)
		}
		if !slices.Equal(c.JWT.Secret, config.Secrets{"a, b" + secret}) || !slices.Equal(c.JWT.Key, []string{"/a.pem", "/b.pem"}) || len(c.TrustedProxy) != 2 {
			t.Errorf("%s: secret %q, key %q, proxies %q", name, []string(c.JWT.Secret), c.JWT.Key, c.TrustedProxy)
		}
		if strings.Join(c.JWKSURL, " ") != "https://id.example.org/keys" || c.JWT.Issuer != "https://id.example.org" || c.JWT.Audience != "chat" ||
			c.JWT.Leeway != 10*time.Second || len(c.ACME.Domain) != 2 || c.ACME.Email != "ops@example.org" || c.Limit != (config.Limit{Sends: 7, Rooms: -1}) {
			t.Errorf("%s: %+v", name, c)
		}
	}
	rotating := writeFile(t, "auth: jwt\njwt-secret:\n  - "+secret+"1\n  - "+secret+"2\n")
	if c, err := parse(t, "serve", "--config", rotating); err != nil || len(c.JWT.Secret) != 2 {
		t.Errorf("two secrets: %d, %v", len(c.JWT.Secret), err)
	}
}
