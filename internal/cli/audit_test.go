package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// auditLines returns the lines of an audit log.
func auditLines(t *testing.T, path string) (all []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

func TestAudit_NotesWhatOperatorsDo(t *testing.T) {
	dir := t.TempDir()
	path, store := filepath.Join(dir, "audit.log"), "sqlite:"+filepath.Join(dir, "restante.db")
	t.Setenv("RESTANTE_AUDIT_LOG", path)
	run(t.Context(), "", "migrate", "--store", store).want(t, exitOK, "up to date", "")
	run(t.Context(), "", "copy", "--from", store, "--to", "sqlite:"+filepath.Join(dir, "copy.db")).want(t, exitOK, "", "")
	run(t.Context(), "", "restore", filepath.Join(dir, "copy.db"), "--data", filepath.Join(dir, "data")).want(t, exitOK, "has begun", "")
	run(t.Context(), "", "backup", "--data", filepath.Join(dir, "data"), "--to", filepath.Join(dir, "backup.db")).want(t, exitOK, "checked", "")
	run(t.Context(), "", "migrate", "--store", "postgres://u:secret@127.0.0.1:1/db").want(t, exitUnavailable, "", "")
	var got []string
	for _, line := range auditLines(t, path) {
		got = append(got, line["action"].(string)+" "+line["outcome"].(string))
		if line["event"] != "admin" || line["user"] != loginName() || line["subject"] == nil || strings.Contains(line["subject"].(string), "secret") {
			t.Errorf("%v", line)
		}
	}
	if want := "migrate ok,copy ok,restore ok,backup ok,migrate failed"; strings.Join(got, ",") != want {
		t.Errorf("%q, want %s", got, want)
	}
}

func TestAudit_NothingIsDoneWithoutIt(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "restante.db")
	run(t.Context(), "", "migrate", "--store", "sqlite:"+database, "--audit-log", dir).want(t, exitFailed, "", "--audit-log")
	if _, err := os.Stat(database); err == nil {
		t.Error("the store was made although the audit log cannot be written")
	}
}

func TestAudit_DeadLettersAreNoted(t *testing.T) {
	url, ids := deadVHost(t, `{"msg":"secret text","client_id":"ann"}`, "other")
	t.Setenv("RESTANTE_BROKER", url)
	path := filepath.Join(t.TempDir(), "audit.log")
	run(t.Context(), "", "dead", "show", ids[0], "--audit-log", path).want(t, exitOK, "secret text", "")
	run(t.Context(), "", "dead", "drop", "--yes", ids[0], "--audit-log", path).want(t, exitOK, "1 dropped", "")
	run(t.Context(), "", "dead", "replay", ids[0], "--audit-log", path).want(t, exitFailed, "", "")
	got := run(t.Context(), "", "dead", "drop", "--yes", "--all")
	got.want(t, exitOK, "1 dropped", `"event":"dead_letter","outcome":"ok"`)
	want := []string{"dead show ok 1", "dead drop ok 1", "dead replay failed <nil>"}
	lines := auditLines(t, path)
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for i, line := range lines {
		count, _ := line["count"].(float64)
		said := line["action"].(string) + " " + line["outcome"].(string)
		if count > 0 {
			said += " 1"
		} else {
			said += " <nil>"
		}
		if said != want[i] || line["subject"] != ids[0] || strings.Contains(toText(line), "secret") {
			t.Errorf("%v, want %s", line, want[i])
		}
	}
}

func toText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
