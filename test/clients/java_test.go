package clients

import (
	"os/exec"
	"path/filepath"
	"testing"

	"restante/internal/testkit"
)

// java compiles the program of the folder java, and returns how it is run with the packages in some folders of .cache.
func java(t *testing.T, folders ...string) []string {
	t.Helper()
	javac, run := testkit.Need(t, "javac"), testkit.Need(t, "java")
	path := t.TempDir()
	classes := path
	for _, folder := range folders {
		path += string(filepath.ListSeparator) + filepath.Join(need(t, filepath.Join("../../.cache", folder)), "*")
	}
	out, err := exec.CommandContext(t.Context(), javac, "-cp", path, "-d", classes, "java/Room.java", "java/Client.java").CombinedOutput() //nolint:gosec // see above
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return []string{run, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, "Client"}
}

func TestJava_Client(t *testing.T) {
	follow(t, client{"signalr", java(t, "java"), []way{{"ws", "json"}, {"lp", "json"}}})
}
