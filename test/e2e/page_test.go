package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"restante/internal/testkit"
)

func TestPage_TwoPeopleTalk(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		chromium := testkit.Need(t, "chromium")
		s := rig.Start(t, testkit.Options{})
		dir := t.TempDir()
		if keep := os.Getenv("RESTANTE_TEST_SCREENSHOTS"); keep != "" {
			dir = keep
		}
		script(t, "page.mjs", s.URL(), chromium, dir).wait()
		picture := filepath.Join(dir, "page.png")
		if info, err := os.Stat(picture); err != nil || info.Size() < 1000 {
			t.Errorf("no picture of the page: %v", err)
		}
	})
}

func TestPage_AsksForAToken(t *testing.T) {
	chromium := testkit.Need(t, "chromium")
	const secret = "a secret of this test, thirty-two bytes or more"
	s := testkit.Start(t, testkit.Options{
		Args: []string{"--auth", "jwt", "--jwt-leeway", "1s"},
		Env:  []string{"RESTANTE_JWT_SECRET=" + secret},
	})
	dir := t.TempDir()
	if keep := os.Getenv("RESTANTE_TEST_SCREENSHOTS"); keep != "" {
		dir = keep
	}
	script(t, "page_token.mjs", s.URL(), chromium, dir, secret).wait()
}
