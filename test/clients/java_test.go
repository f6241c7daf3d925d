package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"restante/internal/testkit"
)

// The folders of .cache with the packages of the Java program. Not every mirror of Maven Central has the one for MessagePack.
const (
	javaPackages     = "../../.cache/java"
	javaMessagePack  = "../../.cache/java-messagepack"
	javaIsWhole      = "pom.xml" // scripts/deps.sh copies it there last
	javaClassPathAll = "*"       // all jars of a folder
)

// java compiles the program of the folder java, and returns how to run it.
func java(t *testing.T) []string {
	t.Helper()
	javac, run := testkit.Need(t, "javac"), testkit.Need(t, "java")
	need(t, filepath.Join(javaPackages, javaIsWhole))
	classes := t.TempDir()
	path := classes
	for _, folder := range []string{javaPackages, javaMessagePack} {
		path += string(filepath.ListSeparator) + filepath.Join(folder, javaClassPathAll)
	}
	out, err := exec.CommandContext(t.Context(), javac, "-cp", path, "-d", classes, "java/Room.java", "java/Client.java").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return []string{run, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, "Client"}
}

func javaClients(t *testing.T) []client {
	t.Helper()
	websockets, polling := []way{{"ws", "json"}}, []way{{"lp", "json"}}
	if _, err := os.Stat(filepath.Join(javaMessagePack, javaIsWhole)); err == nil {
		websockets, polling = append(websockets, way{"ws", "messagepack"}), append(polling, way{"lp", "messagepack"})
	} else {
		t.Logf("MISSING: the Java client is not tried with MessagePack: %v", err)
	}
	program := java(t)
	return []client{{"signalr", program, websockets}, {"signalr", program, polling}}
}

func TestJava_ClientsComeBack(t *testing.T) {
	t.Parallel()
	follow(t, javaClients(t)...)
}

func TestJava_ServerRestarts(t *testing.T) {
	t.Parallel()
	restart(t, javaClients(t)...)
}
