package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childTask is set in a process that a test starts from its own binary, to the task. The path of a database follows on stdin.
const childTask = "RESTANTE_SQLITE_CHILD"

// runChild does what a test wants another process to do.
func runChild(task string) error {
	ctx := context.Background()
	stdin := bufio.NewReader(os.Stdin)
	path, err := stdin.ReadString('\n')
	if err != nil {
		return err
	}
	path = strings.TrimSuffix(path, "\n")
	if at, ok := strings.CutPrefix(task, "carry:"); ok {
		return carryAndDie(ctx, path, at, Config{carryStep: smallStep})
	}
	if at, ok := strings.CutPrefix(task, "carry a copy:"); ok {
		return carryAndDie(ctx, path, at, Config{AsIs: true, carryStep: smallStep})
	}
	switch task {
	case "open":
		d, err := Open(ctx, path, Config{})
		if err != nil {
			return err
		}
		return d.Close()
	case "restart": // until it is killed
		for {
			d, err := Open(ctx, path, Config{MarkInterval: 2 * time.Millisecond})
			if err != nil {
				return err
			}
			for range 1 + rand.IntN(5) {
				done, err := d.Append(ctx, newMessages("a", 1))
				if err != nil {
					return err
				}
				fmt.Fprintln(os.Stdout, done.Messages[0].Seq)
			}
			if err := d.Close(); err != nil {
				return err
			}
		}
	default: // reads until its stdin is closed
		db, err := sql.Open("sqlite", path)
		if err != nil {
			return err
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM rooms").Scan(&n); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "reading")
		_, _ = stdin.ReadByte()
		return nil
	}
}

// carryAndDie carries messages over, and kills its process when it has come that often to a commit or past one.
func carryAndDie(ctx context.Context, path, at string, cfg Config) error {
	left, err := strconv.Atoi(at)
	if err != nil {
		return err
	}
	cfg.carrying = func(bool) error {
		if left--; left > 0 {
			return nil
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		return self.Kill()
	}
	_, err = Open(ctx, path, cfg)
	return err
}

// child returns a command that runs a task in a process of its own.
func child(t *testing.T, task, path string) *osexec.Cmd {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task)
	cmd.Stdin = strings.NewReader(path + "\n")
	return cmd
}

// TestKill_AtAnyMoment kills a process again and again that starts, stores and stops. The next start finds everything that was
// answered, refuses nothing and ends no epoch.
func TestKill_AtAnyMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.db")
	last := 0
	for range 25 {
		cmd := child(t, "restart", path)
		var errors strings.Builder
		cmd.Stderr = &errors
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for until := 1 + rand.IntN(12); lines.Scan(); {
			if last, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if until--; until == 0 {
				time.AfterFunc(time.Duration(rand.IntN(8000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
			}
		}
		_ = cmd.Wait()
		if errors.Len() > 0 {
			t.Fatalf("a start was refused, or something failed: %s", errors.String())
		}
	}
	d := open(t, path, Config{})
	if e, err := d.Epoch(); err != nil || !e.First {
		t.Errorf("epoch %+v, %v", e, err)
	}
	found, err := d.LastSeqs(t.Context(), []string{"a"})
	if err != nil || found[0] < int64(last) {
		t.Errorf("the last number is %v, %v, %d was answered", found, err, last)
	}
	wantLog(t, d, int(found[0]))
}
