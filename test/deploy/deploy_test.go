// Package deploy checks what operators start the server with, and what they read: the container image, the compose file
// and the files it mounts, and the manual. It uses no container engine: it checks what can be checked without one.
package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// root is the module's directory, relative to this one.
const root = "../.."

// read returns a file of the module.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// serveHelp is the output of `restante serve --help`: every flag, and every environment variable as $NAME.
func serveHelp(t *testing.T) string {
	t.Helper()
	return testkit.Run(t, "", testkit.Binary(t), "serve", "--help")
}

// all returns the first group of every match, without repeats.
func all(expression, text string) []string {
	seen := map[string]bool{}
	var found []string
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			found = append(found, m[1])
		}
	}
	return found
}

// uncommented returns the text without lines that begin with a hash.
func uncommented(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
