package e2e

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"restante/internal/testkit"
)

// restante runs a command until it ends, with a token in the environment, and returns its exit code and its output.
func restante(t *testing.T, token string, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testkit.Binary(t), args...)
	cmd.Env = append(cmd.Environ(), "RESTANTE_TOKEN="+token)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}

// The commands make a token, send with it, and follow a room with it.
func TestCLI_TokenSendTail(t *testing.T) {
	t.Parallel()
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		secret := strings.Repeat("a secret of this test ", 3)
		s := rig.Start(t, testkit.Options{
			Args: []string{"--auth", "jwt", "--jwt-leeway", "1s"}, Env: []string{"RESTANTE_JWT_SECRET=" + secret},
		})
		token := minted(t, secret, "team-*")
		on := func(command, room string, more ...string) []string {
			return append([]string{command, "--url", s.URL(), "--room", room}, more...)
		}
		reader, messages := tail(t, s.URL(), "--room", "team-a", "--after", "0", "--token", token)
		if code, out := restante(t, token, on("send", "team-a", "in the environment")...); code != 0 {
			t.Errorf("send: %d %s", code, out)
		}
		if code, out := restante(t, "", on("send", "team-a", "--token", token, "as a flag")...); code != 0 {
			t.Errorf("send: %d %s", code, out)
		}
		for i, m := range next(t, messages, 2) {
			if m.ClientID != "ann" || m.Seq != int64(i)+1 {
				t.Errorf("%+v", m)
			}
		}
		for name, c := range map[string]struct {
			token string
			args  []string
			want  string
		}{
			"no token":          {"", on("send", "team-a", "--client-id", "ann", "x"), "a token is needed"},
			"tail, no token":    {"", on("tail", "team-a"), "a token is needed"},
			"another room":      {token, on("send", "other", "x"), "the token is not for this room"},
			"tail, other room":  {token, on("tail", "other"), "the token is not for this room"},
			"another sender":    {token, on("send", "team-a", "--client-id", "bob", "x"), "client_id"},
			"for reading":       {minted(t, secret, "team-a", "--read-only"), on("send", "team-a", "x"), "for reading only"},
			"another secret":    {minted(t, secret+"x", "team-a"), on("send", "team-a", "x"), "the token is not valid"},
			"another issuer":    {"nonsense", on("tail", "team-a"), "the token is not valid"},
			"expires meanwhile": {minted(t, secret, "team-a", "--ttl", "1s"), on("tail", "team-a"), "the token has expired"},
		} {
			if code, out := restante(t, c.token, c.args...); code != 1 || !strings.Contains(out, c.want) || c.token != "" && strings.Contains(out, c.token) {
				t.Errorf("%s: exit code %d, %q", name, code, out)
			}
		}
		_ = reader.cmd.Process.Signal(syscall.SIGTERM)
		reader.wait()
		site := newSite(t, s.URL())
		if answer, content := site.ask(inHeader(token), "GET", "/rooms/team-a/messages", ""); answer != "200" || strings.Count(string(content), `"seq"`) != 2 {
			t.Errorf("the room has %s", content)
		}
		if strings.Contains(s.Log(), ".eyJ") {
			t.Error("the log has a token")
		}
	})
}
