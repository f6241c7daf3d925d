package docs

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const contributing = "CONTRIBUTING.md"

// example is a worked example of CONTRIBUTING.md.
type example struct {
	changes []string          // patches, in the order of the text
	added   map[string]string // new files by path
	tests   []string          // the commands that test it
}

// TestContributing_ExamplesWork applies each example to a copy of the tree, builds the copy and runs the example's tests.
func TestContributing_ExamplesWork(t *testing.T) {
	for _, heading := range []string{"Add a route", "Add a kind of entry"} {
		t.Run(heading, func(t *testing.T) {
			e := readExample(t, heading)
			dir := copyTree(t)
			for path, text := range e.added {
				write(t, filepath.Join(dir, path), text)
			}
			for _, change := range e.changes {
				run(t, dir, change, "git", "apply", "--whitespace=error", "-")
			}
			run(t, dir, "", "go", "build", "./cmd/...", "./internal/...")
			for _, command := range e.tests {
				run(t, dir, "", strings.Fields(strings.ReplaceAll(command, "'", ""))...)
			}
		})
	}
}

var (
	exampleDiff    = regexp.MustCompile("(?ms)^```diff\n(.*?)^```")
	exampleFile    = regexp.MustCompile("(?ms)^`([\\w./]+)`[^\n]*:\n\n```\\w+\n(.*?)^```")
	exampleCommand = regexp.MustCompile(`(?m)^go test .*$`)
)

// readExample reads the example below a heading: its diff blocks, the blocks that follow a line with the path of a new file,
// and its commands.
func readExample(t *testing.T, heading string) example {
	t.Helper()
	_, text, found := strings.Cut(read(t, contributing), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", contributing, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	e := example{added: map[string]string{}, tests: exampleCommand.FindAllString(text, -1)}
	for _, block := range exampleDiff.FindAllStringSubmatch(text, -1) {
		e.changes = append(e.changes, block[1])
	}
	for _, block := range exampleFile.FindAllStringSubmatch(text, -1) {
		e.added[block[1]] = block[2]
	}
	if len(e.changes) == 0 || len(e.added) == 0 || len(e.tests) == 0 {
		t.Fatalf("%s: %d changes, %d new files, %d tests", heading, len(e.changes), len(e.added), len(e.tests))
	}
	return e
}

// copyTree copies what the server is built from.
func copyTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range files(t, "go.mod", "go.sum", "cmd", "internal", "client/*.go") {
		b, err := os.ReadFile(filepath.Join(root, path))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is removed, and the removal is not committed yet
		} else if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, path), string(b))
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a command in the copy. With -trimpath the build cache serves every directory alike, so that only what the
// example changes is compiled.
func run(t *testing.T, dir, input string, command ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath -tags=noweb", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}
