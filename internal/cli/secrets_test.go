package cli

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/testkit"
)

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

func TestToken_TakesTheSecretFromAFile(t *testing.T) {
	first, second := secretFile(t, tokenSecret+"\n", 0o600), secretFile(t, strings.Repeat("other", 10), 0o444)
	got := run(t.Context(), "", "token", "--sub", "ann", "--rooms", "*", "--jwt-secret-file", first+","+second)
	if got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	verified(t, auth.Config{Secrets: []string{tokenSecret}}, strings.TrimSpace(got.out))
	for name, args := range map[string][]string{
		"--jwt-secret-file: there is a --jwt-secret": {"--jwt-secret-file", first, "--jwt-secret", tokenSecret},
		"no such file":               {"--jwt-secret-file", first + "x"},
		"other users may write it":   {"--jwt-secret-file", secretFile(t, tokenSecret, 0o622)},
		"--jwt-key: " + first + "x:": {"--jwt-key", first + "x"},
	} {
		got := run(t.Context(), "", append([]string{"token", "--sub", "ann", "--rooms", "*"}, args...)...)
		if got.code == exitOK || !strings.Contains(got.err, name) || strings.Contains(got.err, tokenSecret) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestClient_ReadsTheTokenOfNow replaces the file between two messages of one command.
func TestClient_ReadsTheTokenOfNow(t *testing.T) {
	path := secretFile(t, "first\n", 0o600)
	var tokens []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens = append(tokens, r.Header.Get("Authorization"))
		if err := os.WriteFile(path, []byte("second"), 0o600); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	got := run(t.Context(), "a\nb\n", "send", "--url", srv.URL, "--token-file", path)
	if got.code != exitOK || strings.Join(tokens, ",") != "Bearer first,Bearer second" {
		t.Errorf("%+v, with %q", got, tokens)
	}
	t.Setenv("RESTANTE_TOKEN", "x")
	if got := run(t.Context(), "", "send", "--url", srv.URL, "--token-file", path, "hi"); got.code != exitUsage || !strings.Contains(got.err, "leave one of them out") {
		t.Errorf("two tokens: %+v", got)
	}
	if got := run(t.Context(), "", "tail", "--url", srv.URL, "--token=", "--token-file", path+"x"); got.code != exitUsage || !strings.Contains(got.err, "--token-file:") {
		t.Errorf("no such file: %+v", got)
	}
}

// TestCommands_TakePasswordsFromFiles asks real servers. The password of the URL in a file is the right one.
func TestCommands_TakePasswordsFromFiles(t *testing.T) {
	password := secretFile(t, "guest\n", 0o600)
	wrong := secretFile(t, "hunter2Marker", 0o600)
	broker := strings.Replace(testkit.VHost(t)[0], "guest:guest@", "guest@", 1)
	if strings.Contains(broker, "guest:") {
		t.Fatalf("the address still has a password")
	}
	ask := func(file string) outcome {
		return run(context.WithoutCancel(t.Context()), "", "broker", "status", "--broker", broker, "--broker-password-file", file)
	}
	if got := ask(password); got.code != exitOK && !strings.Contains(got.out, "queue") {
		t.Errorf("%+v", got)
	}
	if got := ask(wrong); got.code == exitOK || !strings.Contains(got.err, "refuses the user") || strings.Contains(got.err, marker) {
		t.Errorf("a wrong password: %+v", got)
	}
	store := testkit.Database(t)
	if got := run(t.Context(), "", "migrate", "--store", store, "--store-password-file", password); got.code != exitOK {
		t.Errorf("migrate: %+v", got)
	}
	for _, args := range [][]string{
		{"migrate", "--store", "sqlite:x", "--store-password-file", password},
		{"migrate", "--store", "postgres://u:hunter2Marker@h/d", "--store-password-file", password},
		{"migrate", "--store", "postgres://h/d", "--store-password-file", password},
		{"copy", "--from", "sqlite:x", "--from-password-file", password, "--to", "sqlite:y"},
		{"copy", "--from", "sqlite:x", "--to", store, "--to-password-file", password + "x"},
		{"broker", "status", "--broker", "amqp://u:hunter2Marker@h/v", "--broker-password-file", password},
		{"broker", "status", "--broker", "amqp://u@h/v?management=http://u:hunter2Marker@h", "--broker-password-file", password},
	} {
		if got := run(t.Context(), "", args...); got.code != exitUsage || !strings.Contains(got.err, "-password-file: ") || strings.Contains(got.err, marker) {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

// TestServe_WarnsOfWhatOthersMayRead starts with a configuration file and a data directory that everybody may read.
func TestServe_WarnsOfWhatOthersMayRead(t *testing.T) {
	data := t.TempDir()
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	file := secretFile(t, "auth: jwt\njwt-secret: "+tokenSecret+"\n", 0o644)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := run(ctx, "", "serve", "--listen", "127.0.0.1:0", "--data", data, "--config", file)
	for _, want := range []string{
		`"msg":"other users can read a file that holds a secret","path":"` + file + `","mode":"0644"`,
		`"msg":"other users can enter the data directory","path":"` + data + `","mode":"0755"`,
	} {
		if !strings.Contains(got.err, want) {
			t.Errorf("%s is missing in %s", want, got.err)
		}
	}
	if strings.Contains(got.err, tokenSecret) {
		t.Error("the log shows the secret")
	}
}
