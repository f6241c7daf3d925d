package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"restante/internal/broker/rabbitmq"
)

func TestDead_Help(t *testing.T) {
	for _, command := range []string{"dead", "dead list", "dead show", "dead replay", "dead drop"} {
		got := run(t.Context(), "", append(strings.Fields(command), "--help")...)
		if got.code != exitOK || got.err != "" || !strings.Contains(got.out, "Examples:\n\n    restante dead ") {
			t.Errorf("%s --help: code %d, %s%s", command, got.code, got.out, got.err)
		}
	}
}

func TestDead_UsageErrors(t *testing.T) {
	const broker = " --broker amqp://127.0.0.1:1"
	for line, want := range map[string]string{
		"dead list":                                "has no dead letters",
		"dead list --broker inproc:":               "has no dead letters",
		"dead list --limit 0" + broker:             "--limit",
		"dead list --broker http://ann:secret@b":   "must be an address such as",
		"dead list --broker amqp://ann:se/cret@b":  "must be an address such as",
		"dead show" + broker:                       "expected",
		"dead replay" + broker:                     "either ids or --all",
		"dead replay --all x" + broker:             "either ids or --all",
		"dead drop --yes" + broker:                 "either ids or --all",
		"dead drop --all" + broker:                 "--yes",
		"dead drop --all --yes --broker inproc:,x": "has no dead letters",
	} {
		got := run(t.Context(), "y\n", strings.Fields(line)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, want) || strings.Contains(got.err, "cret") {
			t.Errorf("%s: %+v, want %q", line, got, want)
		}
	}
	if got := run(t.Context(), "", strings.Fields("dead list"+broker)...); got.code != exitUnavailable || got.out != "" {
		t.Errorf("no broker at the address: %+v", got)
	}
	t.Setenv("RESTANTE_BROKER", "amqp://127.0.0.1:1,amqp://127.0.0.1:2")
	if got := run(t.Context(), "", "dead", "replay", "--all"); got.code != exitUnavailable || !strings.Contains(got.err, "127.0.0.1:2") {
		t.Errorf("no broker at the address: %+v", got)
	}
}

// hostileLetter is a letter in which every text contains control sequences of a terminal.
func hostileLetter() rabbitmq.DeadContent {
	return rabbitmq.DeadContent{
		DeadLetter:  rabbitmq.DeadLetter{ID: "i\x1b", MessageID: "m\x1b", Room: "r\u202e", ClientID: "c\tx", Reason: "bad\nbad\xff\x1b", Size: 3},
		ContentType: "t\r", Headers: map[string]any{"h\x1b": "v\x07", "b": []byte("\xff"), "n": int32(7), "nested": map[string]any{"a": "\x1b"}},
		Body: []byte("\xff\x1b[31m"),
	}
}

func TestDead_EscapesControlSequences(t *testing.T) {
	var table, letter bytes.Buffer
	if err := printTable(&table, []rabbitmq.DeadLetter{hostileLetter().DeadLetter, {}}); err != nil {
		t.Error(err)
	}
	if err := printLetter(&letter, hostileLetter()); err != nil {
		t.Error(err)
	}
	for _, text := range []string{table.String(), letter.String()} {
		if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), acts) || strings.Contains(text, "\xff") {
			t.Errorf("%q", text)
		}
	}
	if lines := strings.Count(table.String(), "\n"); lines != 3 {
		t.Errorf("%d lines:\n%s", lines, table.String())
	}
	for _, want := range []string{`\xff\x1b[31m`, `bad\nbad\xff\x1b`, "header n       7"} {
		if !strings.Contains(letter.String(), want) {
			t.Errorf("%q is missing:\n%s", want, letter.String())
		}
	}
}

func TestDead_JSONKeepsTheBody(t *testing.T) {
	for _, body := range []string{"\xff\x00", "<text> \x1b ✓", ""} {
		l := hostileLetter()
		l.Body, l.DiedAt = []byte(body), time.Unix(0, 0).UTC()
		var out bytes.Buffer
		if err := printLines(&out, []shownLetter{shown(l)}); err != nil {
			t.Fatal(err)
		}
		var back struct {
			ID         string
			DiedAt     time.Time `json:"died_at"`
			Body       string
			BodyBase64 []byte `json:"body_base64"`
			Headers    map[string]any
		}
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Body+string(back.BodyBase64) != body || back.ID != l.ID || !back.DiedAt.Equal(l.DiedAt) {
			t.Errorf("%q: %s (%v)", body, out.Bytes(), err)
		}
		if strings.Count(out.String(), "\n") != 1 {
			t.Errorf("not one line: %s", out.String())
		}
	}
}
