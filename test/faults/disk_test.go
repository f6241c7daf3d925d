package faults

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/load"
	"restante/internal/testkit"
)

// withDisk runs a test body for each shape in which the server stores data on its own disk.
func withDisk(t *testing.T, body func(t *testing.T, rig testkit.Rig)) {
	for _, rig := range testkit.Rigs() {
		if rig.Name == embedded {
			t.Run(rig.Name, func(t *testing.T) { body(t, rig) })
		}
	}
}

// mount mounts a file system on a new directory until the test ends, or skips the test if that is not permitted.
func mount(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		testkit.Missing(t, "mount %s: %v: %s (this test needs root)", strings.Join(args, " "), err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// A disk fills up: the server accepts no more messages and says why; reading still works. When there is space again the
// server accepts messages without a restart, and everything that it had accepted is stored.
func TestDisk_FullRefusesAndRecovers(t *testing.T) {
	withDisk(t, func(t *testing.T, rig testkit.Rig) {
		dir := mount(t, "-t", "tmpfs", "-o", "size=24m", "tmpfs")
		s := rig.Start(t, testkit.Options{Data: filepath.Join(dir, "data")})
		readers := startReaders(t, 10, load.ReaderConfig{URL: s.URL(), Reconnect: true})
		noError(t, readers.WaitJoined(within(t, 20*time.Second)))
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Senders: 16, Retry: 100 * time.Millisecond})
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), 500))

		ballast := filepath.Join(dir, "ballast")
		fillDisk(t, ballast)
		waitReady(t, s, http.StatusServiceUnavailable)
		wantRefusal(t, s)
		if len(s.ReadRoom("lobby")) == 0 {
			t.Error("reading failed")
		}

		noError(t, os.Remove(ballast))
		waitReady(t, s, http.StatusOK)
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), senders.Accepted()+500))
		sends := senders.Stop()
		noError(t, readers.WaitSeq(within(t, 30*time.Second), lastSeq(t, s, "lobby")))
		report := s.Check("lobby", sends, readers.Stop())
		t.Logf("%s; answers %v", &report, senders.Answers())
	})
}

// A disk fills up, and a load balancer takes the server out of service, so that nobody posts any more. When there is space
// again, the server is ready by itself.
func TestDisk_FullFreedAndReadyWithoutAPost(t *testing.T) {
	withDisk(t, func(t *testing.T, rig testkit.Rig) {
		dir := mount(t, "-t", "tmpfs", "-o", "size=24m", "tmpfs")
		s := rig.Start(t, testkit.Options{Data: filepath.Join(dir, "data")})
		fill(t, s.URL(), "lobby", 500)
		ballast := filepath.Join(dir, "ballast")
		fillDisk(t, ballast)
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Senders: 4, Retry: 100 * time.Millisecond, StopTimeout: time.Second})
		waitReady(t, s, http.StatusServiceUnavailable)
		senders.Stop()
		for full := within(t, 3*time.Second); full.Err() == nil; {
			if code := s.Ready(); code != http.StatusServiceUnavailable {
				t.Fatalf("/readyz is %d while the disk is full", code)
			}
		}
		noError(t, os.Remove(ballast))
		freed := time.Now()
		waitReady(t, s, http.StatusOK)
		t.Logf("ready %v after the disk was freed, without a post", time.Since(freed).Round(time.Millisecond))
		fill(t, s.URL(), "later", 50)
	})
}

// The disk is full and then the server is killed. Everything that was accepted before is stored when there is space
// again.
func TestDisk_FullAndKilled(t *testing.T) {
	withDisk(t, func(t *testing.T, rig testkit.Rig) {
		dir := mount(t, "-t", "tmpfs", "-o", "size=16m", "tmpfs")
		s := rig.Start(t, testkit.Options{Data: filepath.Join(dir, "data")})
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Senders: 16})
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), 500))
		ballast := filepath.Join(dir, "ballast")
		fillDisk(t, ballast)
		waitReady(t, s, http.StatusServiceUnavailable)
		s.Kill()
		noError(t, os.Remove(ballast))
		s.Restart()
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), senders.Accepted()+100))
		s.Check("lobby", senders.Stop(), nil)
	})
}

// fillDisk writes a file until nothing more fits.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	noError(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_ = f.Close() // its content does not matter
}

// wantRefusal posts messages until one is refused. A single message may still fit where a batch does not.
func wantRefusal(t *testing.T, s *testkit.Server) {
	t.Helper()
	var resp *http.Response
	var body []byte
	eventually(t, "a message is refused", func() bool {
		resp, body = postOne(t, s)
		return resp.StatusCode != http.StatusAccepted
	})
	t.Logf("refused: %s %s", resp.Status, body)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q; want 503 with one", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	var problem struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(body, &problem); err != nil || problem.Code != "unavailable" || problem.Detail == "" {
		t.Errorf("problem %+v, %v; want code unavailable and a reason", problem, err)
	}
	if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/problem+json") {
		t.Errorf("content type %q", ct)
	}
}

// postOne posts a message over a new connection, and returns the answer and its body.
func postOne(t *testing.T, s *testkit.Server) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, 20*time.Second), http.MethodPost, s.URL()+"/message?client_id=ann&msg=lost&room=refused&id="+uuid.NewString(), nil)
	noError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	noError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	noError(t, err)
	return resp, body
}

// The database becomes read-only while it is open.
func TestDisk_TurnedReadOnlyRefusesAndRecovers(t *testing.T) {
	withDisk(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Senders: 16, Retry: 100 * time.Millisecond})
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), 500))
		immutable(t, s.Data(), "+i")
		t.Cleanup(func() { immutable(t, s.Data(), "-i") })
		waitReady(t, s, http.StatusServiceUnavailable)
		wantRefusal(t, s)
		immutable(t, s.Data(), "-i")
		waitReady(t, s, http.StatusOK)
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), senders.Accepted()+500))
		report := s.Check("lobby", senders.Stop(), nil)
		t.Logf("%s; answers %v", &report, senders.Answers())
	})
}

// immutable sets the attribute that makes writes fail, even to open files. It skips the shared-memory index: a failed
// write to mapped memory is a signal instead of an error, which no real disk causes there.
func immutable(t *testing.T, dir, mode string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	noError(t, err)
	for _, f := range files {
		if strings.HasSuffix(f, "-shm") || strings.HasSuffix(f, ".lock") {
			continue
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		out, err := exec.CommandContext(ctx, "chattr", mode, f).CombinedOutput()
		cancel()
		if err != nil {
			testkit.Missing(t, "chattr %s: %v: %s (this test needs root, and a file system that supports it)", mode, err, out)
		}
	}
}

// A server whose data directory is read-only does not start, and says why.
func TestDisk_ReadOnlyAtStartSaysSo(t *testing.T) {
	withDisk(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{Data: filepath.Join(mount(t, "-t", "tmpfs", "-o", "size=24m", "tmpfs"), "data")})
		fill(t, s.URL(), "lobby", 50)
		if code := s.Stop(20 * time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
		dir := filepath.Dir(s.Data())
		if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
			testkit.Missing(t, "remount: %v: %s", err, out)
		}
		err := testkit.TryStart(t, testkit.Options{Data: s.Data()})
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "read-only") {
			t.Errorf("started with %v; want an error that says read-only", err)
		}
		t.Log(err)
		if out, err := exec.Command("mount", "-o", "remount,rw", dir).CombinedOutput(); err != nil {
			t.Fatalf("remount: %v: %s", err, out)
		}
		s.Restart()
		if last := lastSeq(t, s, "lobby"); last != 50 {
			t.Errorf("%d messages, want 50", last)
		}
	})
}

// Two servers on one database would assign the same numbers: the second one must not start.
func TestDisk_SecondServerIsRefused(t *testing.T) {
	withDisk(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		if err := testkit.TryStart(t, testkit.Options{Data: s.Data()}); err == nil {
			t.Error("a second server has opened the same database")
		} else {
			t.Log(err)
		}
		s.Check("lobby", fill(t, s.URL(), "lobby", 50), nil)
	})
}
