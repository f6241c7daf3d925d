package app

import (
	"os"
	"path/filepath"
	"testing"

	"restante/internal/testkit"
)

func TestCore_ServerIsKilledRepeatedly(t *testing.T) {
	t.Parallel()
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		t.Parallel()
		s := rig.Start(t, testkit.Options{})
		play(t, "restarts", 1, s, testkit.StartProxy(t, s.Addr()), killing(s))
	})
}

func TestCore_AppDiesAtAnyMoment(t *testing.T) {
	t.Parallel()
	playUndisturbed(t, "lives", testkit.Options{})
}

func TestCore_TabsShareAndSendOnce(t *testing.T) {
	t.Parallel()
	playUndisturbed(t, "tabs", testkit.Options{})
}

func TestCore_ComesBackToManyMessages(t *testing.T) {
	t.Parallel()
	playUndisturbed(t, "away", testkit.Options{})
}

func TestCore_ManyRoomsWithinTheLimits(t *testing.T) {
	t.Parallel()
	playUndisturbed(t, "crowded", testkit.Options{Limits: true, Args: []string{"--limit-sends", "20", "--limit-requests", "100"}})
}

func TestCore_MoreRoomsThanAConnectionMayJoin(t *testing.T) {
	t.Parallel()
	playUndisturbed(t, "overfull", testkit.Options{Limits: true, Args: []string{"--limit-rooms", "100", "--limit-sends=-1"}})
}

func TestCore_ServerIsRestoredFromAnOlderCopy(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	play(t, "restored", 1, s, testkit.StartProxy(t, s.Addr()), restoring(t, s))
}

func TestCore_DetectsADeadConnection(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	p := testkit.StartProxy(t, s.Addr())
	play(t, "silent", 1, s, p, tasks{
		"stall":  func(string) string { p.Stall(testkit.Up); p.Stall(testkit.Down); return done },
		"resume": func(string) string { p.Resume(testkit.Up); p.Resume(testkit.Down); return done },
	})
}

func TestCore_TokensExpire(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	s := testkit.Start(t, issuer.Options("--jwt-leeway", "1s"))
	play(t, "tokens", 1, s, testkit.StartProxy(t, s.Addr()), tasks{"token": func(arg string) string { return token(t, issuer, arg) }})
}

// The fake server of the app's tests is held to the same contract, see client/src/core/fakes.server.test.ts.
func TestCore_ServerKeepsTheContractOfTheFakeOne(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	s := testkit.Start(t, issuer.Options("--limit-rooms", "3"))
	play(t, "contract", 1, s, testkit.StartProxy(t, s.Addr()), tasks{"token": func(arg string) string { return token(t, issuer, arg) }})
}

// restoring lets a scenario copy the server's data, and later replace the data by the copy.
func restoring(t *testing.T, s *testkit.Server) tasks {
	kept := filepath.Join(t.TempDir(), "copy")
	change := func(to, from string) string {
		s.Kill()
		err := os.RemoveAll(to)
		if err == nil {
			err = os.CopyFS(to, os.DirFS(from))
		}
		if err != nil {
			t.Errorf("copy the data: %v", err)
		}
		s.Restart()
		return done
	}
	return tasks{
		"copy":    func(string) string { return change(kept, s.Data()) },
		"restore": func(string) string { return change(s.Data(), kept) },
	}
}

// playUndisturbed plays a scenario in which neither the network nor the server fails.
func playUndisturbed(t *testing.T, name string, o testkit.Options) {
	t.Helper()
	s := testkit.Start(t, o)
	play(t, name, 1, s, testkit.StartProxy(t, s.Addr()), nil)
}
