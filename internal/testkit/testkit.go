// Package testkit provides real servers for tests. It starts the real binary as a process on a free port, with its data
// in a temporary directory; a test can kill, stop and restart it. A TCP proxy cuts, stalls and slows connections.
// Private RabbitMQ and PostgreSQL servers make several nodes a cluster. The end-to-end and fault tests use it.
package testkit

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"restante/internal/testkit/nodes"
)

// Environment variables of a test run.
const (
	binaryVariable = "RESTANTE_TEST_BINARY" // path of a binary to test; without it, the binary is built
	raceVariable   = "RESTANTE_TEST_RACE"   // when not empty, the binary is built with the race detector
	longVariable   = "RESTANTE_TEST_LONG"   // when not empty, long tests take their long form
)

// Main runs the tests of a package that starts servers. It builds the binary once, runs the tests, and removes the
// binary. Call it from TestMain. It fails if a test leaves goroutines behind.
func Main(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// MainWithoutBinary is Main for a package whose tests use RabbitMQ or PostgreSQL, but start no Restante server.
func MainWithoutBinary(m *testing.M) { os.Exit(runAndStop(m)) }

// runAndStop runs the tests, ends the shared servers, and fails if goroutines are left.
func runAndStop(m *testing.M) (code int) {
	code = func() int {
		defer stopShared()
		defer removeNewer()
		return m.Run()
	}()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func run(m *testing.M) (code int, err error) {
	if os.Getenv(binaryVariable) == "" {
		dir, err := os.MkdirTemp("", "restante-test-")
		if err != nil {
			return 1, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary := filepath.Join(dir, "restante")
		if err := build(binary, os.Getenv(raceVariable) != ""); err != nil {
			return 1, err
		}
		if err := os.Setenv(binaryVariable, binary); err != nil {
			return 1, err
		}
	}
	return runAndStop(m), nil
}

// build builds the binary of this module. Flags are those of go build.
func build(binary string, race bool, flags ...string) error {
	args := append([]string{"build", "-o", binary}, flags...)
	if race {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "restante/cmd/restante")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the binary to test: %w\n%s", err, out)
	}
	return nil
}

// Binary returns the path of the binary to test.
func Binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv(binaryVariable)
	if path == "" {
		t.Fatal("no binary to test: TestMain must call testkit.Main")
	}
	return path
}

// Race reports whether the binary was built with the race detector, which makes it several times slower.
func Race() bool { return os.Getenv(raceVariable) != "" }

// Long reports whether a test that waits for something slow, such as a fault that lasts, should take its long form of a
// few minutes. `make test-versions` asks for it.
func Long() bool { return os.Getenv(longVariable) != "" }

// FreeAddr returns an address of this machine on which no program listens, for a program that must be told where to listen.
// No connection and no other listener of a test takes it meanwhile, unless by a rare chance: they use other ports.
func FreeAddr(t testing.TB) string {
	t.Helper()
	port, err := nodes.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// Need returns the path of a program. If it is not installed the test is skipped, or fails under CI=true, where
// everything must be installed.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Missing(t, "%s is not installed: %v", program, err)
	}
	return path
}

// Missing skips the test because the machine lacks something, or fails it under CI=true.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	text := "MISSING: " + fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// Run runs a program until it ends, with the given standard input, and returns its standard output. An exit code other
// than 0 fails the test and prints standard error.
func Run(t testing.TB, stdin string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		text := ""
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			text = string(exit.Stderr)
		}
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, text)
	}
	return string(out)
}
