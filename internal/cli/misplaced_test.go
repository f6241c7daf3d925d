package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"restante/internal/config"
)

// marker is a secret that no output may show.
const marker = "hunter2Marker"

// hides runs a command line and fails if it succeeds or shows the marker.
func hides(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	code := Main(ctx, args, strings.NewReader(""), &out, &out)
	if text := out.String(); code == exitOK || strings.Contains(strings.ToLower(text), strings.ToLower(marker)) || text == "" {
		t.Errorf("%q: exit code %d: %s", args, code, text)
	}
}

// leaves returns every command that runs something, with its name and arguments.
func leaves(t *testing.T) map[*kong.Node][]string {
	t.Helper()
	parser, err := kong.New(new(commands), config.Values(), kong.Vars{"scenarios": ""})
	if err != nil {
		t.Fatal(err)
	}
	found := map[*kong.Node][]string{}
	for _, leaf := range parser.Model.Leaves(false) {
		found[leaf] = strings.Fields(leaf.FullPath())[1:]
	}
	return found
}

// TestMain_HidesWhatStandsInTheWrongPlace puts a secret into every place of every command where it makes no sense.
func TestMain_HidesWhatStandsInTheWrongPlace(t *testing.T) {
	hides(t, marker)
	hides(t, "--"+marker)
	hides(t, "dead", marker)
	for leaf, name := range leaves(t) {
		with := func(more ...string) []string { return append(append([]string{}, name...), more...) }
		if len(leaf.Positional) == 0 {
			hides(t, with(marker)...)
			hides(t, with("--", marker)...)
			hides(t, with("--", "--"+marker)...)
		}
		for _, arg := range []string{"--" + marker, "--" + marker + "=x", "--no-such-flag=" + marker, "--" + marker + "=" + marker, "-" + marker, "--lisen=" + marker} {
			hides(t, with(arg)...)
		}
		for _, flag := range leaf.AllFlags(false) {
			for _, group := range flag {
				hidesAsValue(t, group, with)
			}
		}
	}
}

// hidesAsValue gives the secret to a flag that cannot take it, or as a value that begins with a dash.
func hidesAsValue(t *testing.T, flag *kong.Flag, with func(...string) []string) {
	t.Helper()
	takes := flag.Target.Type()
	if !flag.IsBool() {
		hides(t, with("--"+flag.Name, "--"+marker)...)
	}
	switch {
	case flag.Name == "help":
	case flag.IsBool():
		hides(t, with("--"+flag.Name+"="+marker)...)
	case flag.Tag.Enum != "", takes.Kind() == reflect.Int, takes.Kind() == reflect.Int64, takes.Kind() == reflect.Pointer && takes.Elem().Kind() == reflect.Int64:
		hides(t, with("--"+flag.Name+"="+marker)...)
		hides(t, with("--"+flag.Name, marker)...)
	}
}

// TestMain_HidesPasswordsOfAddresses breaks the addresses that have passwords in every way, for every command that takes one.
func TestMain_HidesPasswordsOfAddresses(t *testing.T) {
	for leaf, name := range leaves(t) {
		for _, group := range leaf.AllFlags(false) {
			for _, flag := range group {
				for _, address := range addresses(flag.Name) {
					t.Run(strings.Join(name, " ")+" "+flag.Name, func(t *testing.T) {
						t.Parallel()
						args := append(append([]string{}, name...), "--"+flag.Name+"="+address)
						switch flag.Name {
						case "from":
							args = append(args, "--to=sqlite:"+filepath.Join(t.TempDir(), "x"))
						case "jwks-url":
							args = append(args, "--auth=jwt")
						}
						hides(t, args...)
					})
				}
			}
		}
	}
}

func addresses(flag string) []string {
	switch flag {
	case "broker":
		return []string{
			"amqp://u:" + marker + "@", "amqp://u:" + marker + "%zz@h/v", "amqp://u:" + marker + "@h:99999999/v", "amqp://u:" + marker + "@127.0.0.1:1/v",
			marker, "amqps://u:" + marker + "@h\x7f/v", "amqp://u:x@127.0.0.1:1/v?management=http://u:" + marker + "@h:x", "amqp://u:x@h/v?management=" + marker,
			"amqp://u:x@h/v?heartbeat=" + marker,
		}
	case "store", "from", "to":
		return []string{
			"postgres://u:" + marker + "@", "postgres://u:" + marker + "%zz@h/d", "postgres://u:" + marker + "@h:99999999/d", marker, "mysql://u:" + marker + "@h/d",
			"postgres://u:" + marker + "@127.0.0.1:1/d?sslmode=" + marker, "postgres://u@127.0.0.1:1/d?password=" + marker + "&connect_timeout=" + marker,
			"postgres://u:" + marker + "@127.0.0.1:1/d?connect_timeout=1",
		}
	case "url":
		return []string{"http://u:" + marker + "@", marker, "http://" + marker + "@127.0.0.1:1", "http://127.0.0.1:1/?token=" + marker, "http://u:" + marker + "@h\x7f", "ftp://u:" + marker + "@h"}
	case "jwks-url":
		return []string{"https://u:" + marker + "@h/keys", "https://h:x/" + marker, marker, "issuer=https://" + marker + "@h/", "ftp://u:" + marker + "@h"}
	case "advertise", "listen", "cors-origin", "trusted-proxy", "acme-directory":
		return []string{"https://u:" + marker + "@h:x/", "u:" + marker + "@h"}
	}
	return nil
}

// TestMain_HidesWhatAFileHasInTheWrongPlace writes secrets into configuration files where they make no sense.
func TestMain_HidesWhatAFileHasInTheWrongPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.yaml")
	for _, content := range []string{
		marker + ": true", marker, "- " + marker, "jwt-secret: {" + marker + ": x}", "jwt-secret: [[" + marker + "]]", "jwt-secret: *" + marker,
		"jwt-secret: &" + marker + " [*" + marker + "]", "jwt-secret: !" + marker + " x", marker + ": 1\n" + marker + ": 2", "jwt_secret: " + marker,
		"drain: " + marker, "limit-sends: " + marker, "limit-memory: " + marker, "log-level: " + marker, "auth: " + marker, "roles: [" + marker + "]",
		"log-format: " + marker, "reconnect-window: " + marker, "jwt-secret: \"" + marker, "jwt-secret: " + marker + ": x", "\t" + marker, "jwt-secret: '" + marker + "\\x'\n :",
		"broker: amqp://u:" + marker + "@", "jwt-secret: " + marker, "? [" + marker + "]\n: x", "{" + marker + "}: x",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		hides(t, "serve", "--config", path)
	}
}

// TestMain_HidesWhatTheEnvironmentHasInTheWrongPlace sets every variable that cannot have the secret as its value.
func TestMain_HidesWhatTheEnvironmentHasInTheWrongPlace(t *testing.T) {
	for leaf, name := range leaves(t) {
		for _, group := range leaf.AllFlags(false) {
			for _, flag := range group {
				kind := flag.Target.Kind()
				for _, env := range flag.Envs {
					if kind != reflect.Int && kind != reflect.Int64 && !flag.IsBool() {
						continue
					}
					t.Run(strings.Join(name, " ")+" "+env, func(t *testing.T) {
						t.Setenv(env, marker)
						hides(t, name...)
					})
				}
			}
		}
	}
	for _, env := range []string{"RESTANTE_AUTH", "RESTANTE_LOG_FORMAT", "RESTANTE_ROLES", "RESTANTE_JWT_SECRET", "RESTANTE_BROKER", "RESTANTE_STORE"} {
		t.Run(env, func(t *testing.T) {
			t.Setenv(env, marker)
			hides(t, "serve")
		})
	}
}
