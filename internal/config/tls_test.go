package config_test

import (
	"strings"
	"testing"

	"restante/internal/config"
)

func TestValidate_Certificates(t *testing.T) {
	files := config.TLS{Cert: "cert.pem", Key: "key.pem"}
	acme := config.ACME{Domain: []string{"chat.example.org", "CHAT2.example.org"}, Email: "ops@example.org", Directory: "https://ca.example.org/dir"}
	for name, tc := range map[string]struct {
		c    config.Config
		want string // "": valid, and served over TLS
	}{
		"files":                 {config.Config{TLS: files}, ""},
		"an authority":          {config.Config{ACME: acme}, ""},
		"the default authority": {config.Config{ACME: config.ACME{Domain: []string{"chat.example.org"}}}, ""},
		"one of here":           {config.Config{ACME: config.ACME{Domain: []string{"chat.internal"}, Directory: "http://127.0.0.1:14000/dir"}}, ""},
		"another script":        {config.Config{ACME: config.ACME{Domain: []string{"xn--bcher-kva.example"}}}, ""},
		"https for others":      {config.Config{TLS: files, Advertise: "https://a.example:8443"}, ""},

		"no key":             {config.Config{TLS: config.TLS{Cert: "cert.pem"}}, "--tls-cert: the certificate needs its key; add --tls-key FILE"},
		"no certificate":     {config.Config{TLS: config.TLS{Key: "key.pem"}}, "--tls-key: the key needs its certificate; add --tls-cert FILE"},
		"both":               {config.Config{TLS: files, ACME: acme}, "--acme-domain: a certificate comes from one place"},
		"many machines":      {config.Config{ACME: acme, Broker: []string{amqpURL}, Store: postgresURL, Advertise: "https://a.example"}, "let the load balancer have the certificate"},
		"a name twice":       {config.Config{ACME: config.ACME{Domain: []string{"a.example", "A.example"}}}, `"A.example" is given twice`},
		"email for nothing":  {config.Config{ACME: config.ACME{Email: "ops@example.org"}}, "--acme-email: no authority is asked"},
		"directory likewise": {config.Config{ACME: config.ACME{Directory: "https://ca.example.org/"}}, "--acme-directory: no authority is asked"},
		"no email":           {config.Config{ACME: config.ACME{Domain: []string{"a.example"}, Email: "ops"}}, `--acme-email: "ops" is not an address`},
		"email with a name":  {config.Config{ACME: config.ACME{Domain: []string{"a.example"}, Email: "Ops <ops@example.org>"}}, "--acme-email:"},
		"directory in clear": {config.Config{ACME: config.ACME{Domain: []string{"a.example"}, Directory: "http://ca.example.org/"}}, "--acme-directory:"},
		"http for others":    {config.Config{TLS: files, Advertise: "http://a.example:8443"}, "use https://a.example:8443"},
	} {
		err := tc.c.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if tc.want == "" && !tc.c.ServesTLS() {
			t.Errorf("%s: without TLS", name)
		}
	}
}

func TestValidate_NamesThatAnAuthorityCanCheck(t *testing.T) {
	for name, want := range map[string]string{
		"192.0.2.1": "is an address", "::1": "is an address",
		"localhost": "is this machine for everybody", "chat.LOCALHOST": "is this machine for everybody",
		"*.example.org": "name each",
		"chat":          "is not a name", "chat.example.org.": "is not a name", "chat.example.org:443": "is not a name",
		"https://chat.example.org": "is not a name", "bücher.example": "is not a name", "": "is not a name",
		"-a.example": "is not a name", "a..example": "is not a name", strings.Repeat("a", 64) + ".example": "is not a name",
		strings.Repeat("abcdefg.", 32) + "example": "is not a name",
	} {
		err := config.Config{ACME: config.ACME{Domain: []string{name}}}.Validate()
		if err == nil || !strings.Contains(err.Error(), "--acme-domain") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
}
