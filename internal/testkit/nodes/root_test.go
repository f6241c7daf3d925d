package nodes_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/testkit/nodes"
)

func TestRoot_ThatIsMissingIsSaid(t *testing.T) {
	t.Setenv(nodes.RootVariable, filepath.Join(t.TempDir(), "none"))
	_, err := nodes.Versions(t.Context())
	_, rabbit := nodes.StartRabbitMQ(t.Context(), nodes.RabbitMQConfig{})
	_, postgres := nodes.StartPostgres(t.Context(), nodes.PostgresConfig{})
	for _, err := range []error{err, rabbit, postgres} {
		if !errors.Is(err, nodes.ErrMissing) || !strings.Contains(err.Error(), nodes.RootVariable) {
			t.Errorf("%v, want one that says what is missing", err)
		}
	}
}

// A server of another root is not of the machine, and its mounts are its own.
func TestRoot_HasOtherServersAndMountsNothingOutside(t *testing.T) {
	leavesNothing(t)
	if _, err := os.Stat(nodes.NewestRoot); err != nil || os.Getuid() != 0 {
		check(t, nodes.ErrMissing)
	}
	t.Setenv(nodes.RootVariable, nodes.NewestRoot)
	p, err := nodes.StartPostgres(t.Context(), nodes.PostgresConfig{})
	check(t, err)
	defer p.Stop()
	versions, err := nodes.Versions(t.Context())
	check(t, err)
	url, err := p.Database(t.Context(), "one")
	check(t, err)
	_, version, _ := strings.Cut(p.Version(t.Context()), ") ")
	exec(t, url, "SELECT 1 / (current_setting('server_version') = '"+version+"')::int")
	if !strings.Contains(versions, "PostgreSQL "+version) || !strings.Contains(versions, nodes.NewestRoot) {
		t.Errorf("%s, but the server is %s", versions, version)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	if strings.Contains(string(mounts), nodes.NewestRoot) {
		t.Errorf("mounted outside:\n%s", mounts)
	}
}
