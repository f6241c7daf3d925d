package config_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/config"
)

const marker = "hunter2Marker"

// secretFile writes a file with exactly these permissions.
func secretFile(t *testing.T, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig_SecretsComeFromFiles(t *testing.T) {
	long := strings.Repeat("x", 32)
	first, second, password := secretFile(t, long+"\n", 0o600), secretFile(t, long, 0o444), secretFile(t, marker+"\n", 0o400)
	t.Setenv("RESTANTE_JWT_SECRET_FILE", first+","+second)
	c, err := parse(t, "serve", "--auth", "jwt", "--broker", "amqp://ann@rabbit.example/v", "--broker-password-file", password,
		"--store", "postgres://ann@db.example/d", "--store-password-file", password)
	if err != nil || len(c.JWT.SecretFile) != 2 {
		t.Fatalf("%v, %q", err, c.JWT.SecretFile)
	}
	for what, read := range map[string]config.Password{"broker": c.BrokerPassword(), "store": c.StorePassword()} {
		if got, err := read(); got != marker {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	if err := os.Chmod(password, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(password, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := c.BrokerPassword()(); got != "new" {
		t.Errorf("after a change: %q, %v", got, err)
	}
}

func TestConfig_RefusesSecretsThatAreNotOnlyInTheirFile(t *testing.T) {
	long, password := strings.Repeat("x", 32), secretFile(t, marker, 0o600)
	jwt := []string{"--auth", "jwt"}
	many := []string{"--auth", "none", "--broker", "amqp://ann@h/v", "--store", "postgres://ann@h/d"}
	for want, args := range map[string][]string{
		"--jwt-secret-file: there is a --jwt-secret":   append(jwt, "--jwt-secret", long, "--jwt-secret-file", secretFile(t, long, 0o600)),
		"fewer than 32 bytes":                          append(jwt, "--jwt-secret-file", password),
		"is empty":                                     append(jwt, "--jwt-secret-file", secretFile(t, "\n", 0o600)),
		"other users may write it (mode 0622)":         append(jwt, "--jwt-secret-file", secretFile(t, long, 0o622)),
		"--jwt-secret-file: /nowhere/x: cannot be":     append(jwt, "--jwt-secret-file", "/nowhere/x"),
		"leave out --jwt-secret-file":                  {"--jwt-secret-file", secretFile(t, long, 0o600)},
		"--broker-password-file: the address has a":    append(many, "--broker", "amqp://ann:"+marker+"@h/v", "--broker-password-file", password),
		"--broker-password-file: the parameter manage": append(many[:2:2], "--store", "postgres://ann@h/d", "--broker", "amqp://ann@h/v?management=http://ann:"+marker+"@h", "--broker-password-file", password),
		"--broker-password-file: the address needs":    append(many[:2:2], "--store", "postgres://ann@h/d", "--broker", "amqp://h/v", "--broker-password-file", password),
		"--store-password-file: the address has a":     append(many[:4:4], "--store", "postgres://ann@h/d?password="+marker, "--store-password-file", password),
		"--store-password-file: only RabbitMQ and":     {"--store-password-file", password},
		"--broker-password-file: only RabbitMQ and":    {"--broker-password-file", password},
	} {
		_, err := parse(t, append([]string{"serve"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), marker) || strings.Contains(err.Error(), long) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestConfig_FindsWhatOthersMayReadOrChange has files and a directory with permissions that are too wide, and then right ones.
func TestConfig_FindsWhatOthersMayReadOrChange(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	secret, key := secretFile(t, strings.Repeat("x", 32), 0o600), secretFile(t, "key", 0o600)
	public, file, harmless := secretFile(t, "public", 0o644), secretFile(t, "jwt-secret: x\n", 0o600), secretFile(t, "listen: x\n", 0o644)
	c := config.Config{Data: data, TLS: config.TLS{Cert: public, Key: key}, JWT: config.JWT{SecretFile: []string{secret}, Key: []string{"https://id.example=" + public}}}
	for _, own := range []string{file, harmless, ""} {
		if found := c.Exposures(config.File(own)); len(found) > 0 {
			t.Errorf("with the file %q: %v", own, found)
		}
	}
	for _, path := range []string{secret, key, file} {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]fs.FileMode{public: 0o664, data: 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{}
	for _, e := range c.Exposures(config.File(file)) {
		got[e.Path]++
	}
	for _, path := range []string{secret, key, file, public, data} {
		if got[path] == 0 {
			t.Errorf("%s is not found among %v", path, got)
		}
	}
}
