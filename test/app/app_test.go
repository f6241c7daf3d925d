// Package app runs the app against the real binary: its core in Node, and the page in Chromium.
package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// tasks are what a script may ask its test to do, by name, such as to kill the server. A task gets one word and answers
// with one line.
type tasks map[string]func(arg string) string

// done is the answer of a task without a result.
const done = "done"

// scriptLimit bounds the run of a script. It is far above what a script needs, even on a busy machine.
const scriptLimit = 3 * time.Minute

// browse runs a script of client/test/browser in Chromium against a server until it ends. The test's log has its
// output.
func browse(t *testing.T, name string, s *testkit.Server, do tasks) {
	t.Helper()
	chromium := testkit.Need(t, "chromium")
	node := testkit.Need(t, "node")
	folder := filepath.Join("..", "..", "client")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "playwright-core")); err != nil {
		testkit.Missing(t, "the npm packages of client are not installed: %v", err)
	}
	directory := t.TempDir()
	config, err := json.Marshal(map[string]string{"url": s.URL(), "chromium": chromium, "directory": directory, "pictures": pictures(directory)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), scriptLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join(folder, "test", "browser", name), string(config))
	cmd.Env = append(os.Environ(), "TMPDIR="+directory) // for the browser's profiles
	var complaints strings.Builder
	cmd.Stderr = &complaints
	cmd.WaitDelay = 5 * time.Second
	if err := converse(cmd, do, func(line string) { testkit.Measured(t, "app", line) }); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, complaints.String())
	}
}

// pictures returns the directory for screenshots.
func pictures(standard string) string {
	if keep := os.Getenv("RESTANTE_TEST_SCREENSHOTS"); keep != "" {
		return keep
	}
	return standard
}

// converse runs a program until it ends. A line `> TASK ARG` of its output is a task for the test; its answer goes to
// the program's standard input. tell gets the other lines.
func converse(cmd *exec.Cmd, do tasks, tell func(line string)) error {
	answers, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var failed error
	for lines := bufio.NewScanner(output); failed == nil && lines.Scan(); {
		request, asked := strings.CutPrefix(lines.Text(), "> ")
		if !asked {
			tell(lines.Text())
			continue
		}
		if failed = answer(answers, request, do); failed != nil {
			_ = cmd.Process.Kill() // the program waits for an answer; Kill fails if it has ended
		}
	}
	return errors.Join(failed, cmd.Wait())
}

func answer(to io.Writer, request string, do tasks) error {
	name, arg, _ := strings.Cut(request, " ")
	task, ok := do[name]
	if !ok {
		return fmt.Errorf("no task %s", name)
	}
	_, err := fmt.Fprintln(to, task(arg))
	return err
}
