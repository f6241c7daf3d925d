package e2e

import (
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/testkit"
)

// An operator can follow a message by its id, without seeing its text.
func TestLog_FollowsAMessageByItsID(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{Args: []string{"--log-level", "debug"}})
		_, messages := tail(t, s.URL(), "--after", "0")
		get(t, "POST", s.URL()+"/message?msg=hello&client_id=ann", 202)
		next(t, messages, 1) // from here on the reader is live
		var m chat.Message
		body, _ := get(t, "POST", s.URL()+"/message?msg="+testkit.Private+"&client_id=ann", 202)
		decode(t, body, &m)
		next(t, messages, 1)
		if code := s.Stop(20 * time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
		stages := 0
		for line := range strings.Lines(s.Log()) {
			if strings.Contains(line, m.ID) {
				stages++
			}
		}
		if stages < 3 {
			t.Errorf("the id is on %d lines of the log, want one for each stage", stages)
		}
		if strings.Contains(s.Log(), testkit.Private) {
			t.Error("the log has the text of the message")
		}
	})
}
