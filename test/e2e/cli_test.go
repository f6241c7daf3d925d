package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/testkit"
)

// tail starts `restante tail --json` and returns a channel of its messages.
func tail(t *testing.T, url string, args ...string) (*running, <-chan chat.Message) {
	t.Helper()
	cmd := exec.Command(testkit.Binary(t), append([]string{"tail", "--url", url, "--json"}, args...)...)
	out, in := io.Pipe()
	cmd.Stdout = in
	r := start(t, cmd)
	messages := make(chan chat.Message, 10_000)
	go func() {
		<-r.done
		_ = in.Close()
	}()
	go func() {
		defer close(messages)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var m chat.Message
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				t.Errorf("tail printed %q", lines.Text())
			}
			messages <- m
		}
	}()
	return r, messages
}

// next returns the next n messages of a tail.
func next(t *testing.T, messages <-chan chat.Message, n int) []chat.Message {
	t.Helper()
	var got []chat.Message
	for range n {
		select {
		case m, ok := <-messages:
			if !ok {
				t.Fatalf("tail ended after %d of %d messages", len(got), n)
			}
			got = append(got, m)
		case <-time.After(20 * time.Second):
			t.Fatalf("tail printed %d of %d messages", len(got), n)
		}
	}
	return got
}

func TestCLI_SendAndTail(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		send := func(stdin string, args ...string) string {
			t.Helper()
			return testkit.Run(t, stdin, testkit.Binary(t), append([]string{"send", "--url", s.URL(), "--client-id", "ann"}, args...)...)
		}
		id := strings.TrimSpace(send("", "Hello,", "everyone"))
		send("first 👋\n\nsecond\tline\nשלום\n", "--room", "lobby")
		r, messages := tail(t, s.URL(), "--after", "0")
		got := next(t, messages, 4)
		for i, want := range []string{"Hello, everyone", "first 👋", "second\tline", "שלום"} {
			if got[i].Msg != want || got[i].Seq != int64(i)+1 || got[i].ClientID != "ann" {
				t.Errorf("message %d: %+v, want %q", i, got[i], want)
			}
		}
		if got[0].ID != id {
			t.Errorf("send printed %q, the message has %q", id, got[0].ID)
		}
		send("", "live")
		if m := next(t, messages, 1)[0]; m.Msg != "live" || m.Seq != 5 {
			t.Errorf("live: %+v", m)
		}
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		r.wait()
	})
}

// The server stops and comes back, twice, while `restante send` and `restante tail` run.
func TestCLI_TailAndSendSurviveARestart(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		_, messages := tail(t, s.URL(), "--after", "0")
		in, lines := io.Pipe()
		cmd := exec.Command(testkit.Binary(t), "send", "--url", s.URL(), "--client-id", "ann", "--quiet")
		cmd.Stdin = in
		sender := start(t, cmd)
		const n = 300
		for i := range n {
			if _, err := fmt.Fprintf(lines, "line %d\n", i); err != nil {
				t.Fatal(err)
			}
			switch i {
			case n / 3:
				s.Kill()
				s.Restart()
			case 2 * n / 3:
				s.Stop(20 * time.Second)
				s.Restart()
			}
		}
		_ = lines.Close()
		sender.wait()
		for i, m := range next(t, messages, n) {
			if m.Seq != int64(i)+1 || m.Msg != fmt.Sprint("line ", i) {
				t.Fatalf("message %d is %+v", i, m)
			}
		}
		if last := len(s.ReadRoom("lobby")); last != n {
			t.Errorf("%d messages stored, want %d", last, n)
		}
	})
}

func TestCLI_RequiresAuthForAnOpenAddress(t *testing.T) {
	out, err := exec.Command(testkit.Binary(t), "serve", "--listen", "0.0.0.0:0", "--data", t.TempDir()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--auth none") {
		t.Errorf("ended with %v: %s", err, out)
	}
}

func TestCLI_HelpTeaches(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"send", "--help"}, {"tail", "--help"}, {"bench", "--help"}, {"version"}} {
		if out := testkit.Run(t, "", testkit.Binary(t), args...); len(out) < 10 {
			t.Errorf("restante %s: %q", strings.Join(args, " "), out)
		}
	}
}
