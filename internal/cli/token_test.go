package cli

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/auth"
)

const tokenSecret = "a secret of thirty-two bytes, or so"

// verified verifies a token as a server with this configuration does, and returns its client.
func verified(t *testing.T, cfg auth.Config, token string) *auth.Client {
	t.Helper()
	v, err := auth.NewVerifier(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	client, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestToken_IsAcceptedByTheServer(t *testing.T) {
	t.Setenv("RESTANTE_JWT_SECRET", tokenSecret)
	t.Setenv("RESTANTE_JWT_ISSUER", "https://id.example.org")
	got := run(t.Context(), "", "token", "--sub", "ann", "--rooms", "team-*,lobby", "--rooms", "news", "--ttl", "2h", "--jwt-audience", "chat")
	if got.code != exitOK || got.err != "" || strings.Count(got.out, "\n") != 1 {
		t.Fatalf("%+v", got)
	}
	client := verified(t, auth.Config{Secrets: []string{tokenSecret}, Issuer: "https://id.example.org", Audience: "chat"}, strings.TrimSpace(got.out))
	left := time.Until(client.Expires)
	if client.ID != "ann" || strings.Join(client.Rooms, " ") != "team-* lobby news" || !client.Publish || client.Admin || left < 119*time.Minute || left > 121*time.Minute {
		t.Errorf("%+v", client)
	}

	got = run(t.Context(), "", "token", "--sub", " ann\u3000", "--rooms", "*", "--ttl", "2d", "--jwt-issuer", "")
	client = verified(t, auth.Config{Secrets: []string{tokenSecret}}, strings.TrimSpace(got.out))
	if left := time.Until(client.Expires); client.ID != "ann" || left < 47*time.Hour || left > 49*time.Hour {
		t.Errorf("a name with blanks, for two days: %+v", client)
	}

	got = run(t.Context(), "", "token", "--sub", "ann", "--rooms", "*", "--ttl", "800d", "--jwt-max-ttl", "800d", "--jwt-issuer", "")
	if client = verified(t, auth.Config{Secrets: []string{tokenSecret}, MaxTTL: 800 * 24 * time.Hour}, strings.TrimSpace(got.out)); client.ID != "ann" {
		t.Errorf("for a server that allows more: %+v", client)
	}

	got = run(t.Context(), "", "token", "--sub", "screen", "--rooms", "*", "--read-only", "--admin", "--jwt-issuer", "")
	client = verified(t, auth.Config{Secrets: []string{tokenSecret}}, strings.TrimSpace(got.out))
	if client.Publish || !client.Admin {
		t.Errorf("%+v", client)
	}
}

func TestToken_OfAPrivateKey(t *testing.T) {
	t.Setenv("RESTANTE_JWT_SECRET", tokenSecret)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	publicFile := file("public.pem", "PUBLIC KEY", publicDER)
	got := run(t.Context(), "", "token", "--sub", "ann", "--rooms", "lobby", "--jwt-key", file("private.pem", "PRIVATE KEY", privateDER))
	if client := verified(t, auth.Config{Keys: []string{publicFile}}, strings.TrimSpace(got.out)); client.ID != "ann" {
		t.Errorf("%+v", client)
	}
	for _, path := range []string{publicFile, "/no/such/file"} {
		got := run(t.Context(), "", "token", "--sub", "ann", "--rooms", "lobby", "--jwt-key", path)
		if got.code != exitFailed || got.out != "" || !strings.Contains(got.err, "--jwt-key: ") || !strings.Contains(got.err, path) {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestToken_SaysWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"--rooms *":                                                         "--sub",
		"--sub ann --rooms *":                                               "RESTANTE_JWT_SECRET",
		"--sub ann --rooms * --jwt-secret x":                                "must be 32",
		"--sub ann --jwt-secret SECRET":                                     "--rooms: is empty",
		"--sub ann --rooms Lobby --jwt-secret SECRET":                       `--rooms: "Lobby"`,
		"--sub ann --rooms * --ttl 0s --jwt-secret SECRET":                  "--ttl: 0s",
		"--sub ann --rooms * --ttl=-1h --jwt-secret SECRET":                 "--ttl: -1h",
		"--sub \x01 --rooms * --jwt-secret SECRET":                          "--sub: has a control character",
		"--sub \u2800 --rooms * --jwt-secret SECRET":                        "--sub: has nothing that can be seen",
		"--sub \ufeff --rooms * --jwt-secret SECRET":                        "--sub: must be 1 to 128 bytes",
		"--sub ann --rooms * --ttl -1d --jwt-secret SECRET":                 "--ttl: -24h0m0s",
		"--sub ann --rooms * --ttl 401d --jwt-secret SECRET":                "--ttl: 9624h0m0s is longer than servers allow, which is 9600h0m0s (--jwt-max-ttl)",
		"--sub ann --rooms * --ttl 2h --jwt-max-ttl 1h --jwt-secret SECRET": "--jwt-max-ttl",
		"--sub ann --rooms * --ttl soon --jwt-secret SECRET":                "--ttl",
		"--sub ann --rooms * --jwt-secret SECRET --nonsense":                "argument 8 is not a flag",
		"--sub ann --rooms lobby,-bad --jwt-secret SECRET --read-only ":     "--rooms: needs a value",
	} {
		args := strings.Fields("token " + line)
		for i, arg := range args {
			if arg == "SECRET" {
				args[i] = tokenSecret
			}
		}
		if got := run(t.Context(), "", args...); got.code != exitUsage || got.out != "" || !strings.Contains(got.err, want) || strings.Contains(got.err, tokenSecret) {
			t.Errorf("%s: %+v, want %s", line, got, want)
		}
	}
}
