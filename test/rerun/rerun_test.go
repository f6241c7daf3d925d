package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// flakyTest is a test that fails the first time. The environment names the directory in which it notes that it ran.
const flakyTest = `
func TestOnce(t *testing.T) {
	note := filepath.Join(os.Getenv("NOTES"), t.Name())
	if _, err := os.Stat(note); err == nil {
		return
	}
	if err := os.WriteFile(note, nil, 0o600); err != nil {
		t.Fatal("no environment: ", err)
	}
	t.Run("sub", func(t *testing.T) { t.Error("the first reason") })
}
`

// scenarios are packages, each with the tests that it has.
var scenarios = map[string]string{
	"flaky":    flakyTest + `func TestPasses(t *testing.T) {}`,
	"always":   `func TestAlways(t *testing.T) { t.Error("always") }`,
	"passes":   `func TestPasses(t *testing.T) {}`,
	"mixed":    flakyTest + `func TestAlways(t *testing.T) { t.Error("always") }`,
	"four":     strings.NewReplacer("A", "1", "B", "2", "C", "3", "D", "4").Replace(fails("A") + fails("B") + fails("C") + fails("D")),
	"three":    fails("1") + fails("2") + fails("3"),
	"broken":   `func TestBroken(t *testing.T) { undefined() }`,
	"panics":   `func TestPanics(t *testing.T) { panic("no") }`,
	"exits":    `func TestExits(t *testing.T) { os.Exit(3) }`,
	"slow":     `func TestSlow(t *testing.T) { select {} }`,
	"skipping": strings.Replace(flakyTest, "\t\treturn\n", "\t\tt.Skip()\n", 1),
	"leaks":    flakyTest + `func TestMain(m *testing.M) { if m.Run(); os.Getenv("NOTES") != "" { os.Exit(1) } }`,
}

func fails(name string) string {
	return "func TestFails" + name + `(t *testing.T) { t.Error("no") }` + "\n"
}

// module makes a module with the scenarios and goes there.
func module(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example\n\ngo 1.26\n")
	for name, tests := range scenarios {
		write(name+"/"+name+"_test.go", "package "+name+"\n\nimport (\n\t\"os\"\n\t\"path/filepath\"\n\t\"testing\"\n)\n\n"+
			"var _, _ = os.Getenv, filepath.Join\n\n"+tests)
	}
	t.Chdir(dir)
}

// try runs the command on packages, with -again. It returns what was printed, and the file of flaky tests.
func try(t *testing.T, packages ...string) (printed, flaky string, err error) {
	t.Helper()
	t.Setenv("NOTES", t.TempDir())
	var out strings.Builder
	err = run(t.Context(), append([]string{"-again", "-log", "log", "--", "-timeout=10s"}, packages...), &out)
	log, logErr := os.ReadFile("log")
	note, flakyErr := os.ReadFile("log.flaky")
	if logErr != nil || flakyErr != nil || string(log) != out.String() {
		t.Errorf("%v, %v: the log has %q, printed was %q", logErr, flakyErr, log, out.String())
	}
	return out.String(), string(note), err
}

func TestRun_RunsUpToThreeFailingTestsOnceMore(t *testing.T) {
	module(t)
	for _, tc := range []struct {
		packages string
		err      error
		flaky    bool
		prints   string
	}{
		{"./passes", nil, false, "ok  \texample/passes"},
		{"./passes ./flaky", nil, true, "FLAKY TestOnce (example/flaky)"},
		{"./always", errFailed, false, "FAILED TWICE TestAlways (example/always)"},
		{"./mixed", errFailed, true, "FAILED TWICE TestAlways (example/mixed)"},
		{"./flaky ./always", errFailed, true, "FAILED TWICE TestAlways (example/always)"},
		{"./three", errFailed, false, "once more: TestFails1, TestFails2, TestFails3 (example/three)"},
		{"./four", errFailed, false, "not run again: 4 tests failed, more than 3"},
		{"./three ./always", errFailed, false, "not run again: 4 tests failed, more than 3"},
		{"./flaky ./broken", errFailed, false, "not run again: example/broken failed without a test that did"},
		{"./nowhere", errFailed, false, "not run again: "},
		{"./panics", errFailed, false, "not run again: example/panics ended in the middle: panic: no"},
		{"./exits", errFailed, false, "not run again: example/exits failed without a test that did"},
		{"./slow", errFailed, false, "not run again: example/slow ended in the middle: panic: test timed out"},
		{"./skipping", errFailed, false, "FAILED TWICE TestOnce (example/skipping)"},
		{"./leaks", errFailed, false, "FAILED TWICE TestOnce (example/leaks)"},
	} {
		t.Run(tc.packages, func(t *testing.T) {
			printed, flaky, err := try(t, strings.Fields(tc.packages)...)
			if !errors.Is(err, tc.err) || !strings.Contains(printed, tc.prints) {
				t.Errorf("%v, want %v and %q in:\n%s", err, tc.err, tc.prints, printed)
			}
			if strings.Contains(printed, "not run again") && strings.Contains(printed, "once more") {
				t.Errorf("it says both:\n%s", printed)
			}
			if first := strings.Contains(flaky, "the first reason"); first != tc.flaky {
				t.Errorf("the flaky tests, each with its first output: %q", flaky)
			}
		})
	}
}

func TestRun_WithoutAgainFailsAsGoTestDoes(t *testing.T) {
	module(t)
	t.Setenv("NOTES", t.TempDir())
	var out strings.Builder
	err := run(t.Context(), []string{"-log", "log", "--", "./flaky"}, &out)
	if !errors.Is(err, errFailed) || strings.Contains(out.String(), "again") || strings.Contains(out.String(), "once more") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

// TestRun_KeepsTheLog: a step of several commands has one log.
func TestRun_KeepsTheLog(t *testing.T) {
	module(t)
	t.Setenv("NOTES", t.TempDir())
	var out strings.Builder
	for i, args := range [][]string{{"-again"}, {"-again", "-append"}} {
		pkg := []string{"./flaky", "./passes"}[i]
		if err := run(t.Context(), append(args, "-log", "log", "--", pkg), &out); err != nil {
			t.Fatal(err)
		}
	}
	log, _ := os.ReadFile("log")
	flaky, _ := os.ReadFile("log.flaky")
	if string(log) != out.String() || strings.Count(string(log), "\nok  \t")+strings.Count(string(log), "PASS\nok") == 0 {
		t.Errorf("the log is %q", log)
	}
	if strings.Count(string(flaky), "FLAKY TestOnce (example/flaky)") != 1 {
		t.Errorf("the flaky tests are %q", flaky)
	}
}

// TestRun_EndsWhenItIsInterrupted: then nothing is run again.
func TestRun_EndsWhenItIsInterrupted(t *testing.T) {
	module(t)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var out strings.Builder
	err := run(ctx, []string{"-again", "-log", "log", "--", "./slow"}, &out)
	if err == nil || errors.Is(err, errFailed) || strings.Contains(out.String(), "again") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

func TestFailures_AreReadFromWhatGoTestPrints(t *testing.T) {
	const one = "--- FAIL: TestA (0.10s)\n    --- FAIL: TestA/sub (0.00s)\n        a_test.go:1: why\n"
	for name, tc := range map[string]struct {
		printed string
		names   string // of the tests, "" when they are not to be run again
	}{
		"one":                     {"ok  \tm/x\t0.1s\n" + one + "FAIL\nFAIL\tm/a\t0.1s\nFAIL\n", "m/a.TestA"},
		"of two packages":         {one + "FAIL\nFAIL\tm/a\t0.1s\n" + one + "FAIL\nFAIL\tm/b\t0.1s\nFAIL\n", "m/a.TestA m/b.TestA"},
		"an example":              {"--- FAIL: ExampleX (0.00s)\ngot:\n1\nwant:\n2\nFAIL\nFAIL\tm/a\t0.1s\nFAIL\n", "m/a.ExampleX"},
		"with a data race":        {"WARNING: DATA RACE\n" + one + "    testing.go:1: race detected\nFAIL\nFAIL\tm/a\t0.1s\nFAIL\n", "m/a.TestA"},
		"another crashed":         {one + "FAIL\nFAIL\tm/a\t0.1s\nfatal error: all goroutines are asleep\nFAIL\tm/b\t0.1s\nFAIL\n", ""},
		"killed":                  {one + "signal: killed\nFAIL\tm/a\t0.1s\nFAIL\n", ""},
		"another is not set up":   {one + "FAIL\nFAIL\tm/a\t0.1s\nFAIL\tm/b [setup failed]\nFAIL\n", ""},
		"vet complains":           {"# m/a\n./a.go:1: why\nFAIL\tm/a [build failed]\nFAIL\n", ""},
		"only in a log of a test": {"    x_test.go:1: --- FAIL: TestB (0.1s)\nFAIL\nFAIL\tm/a\t0.1s\nFAIL\n", ""},
		"nothing":                 {"", ""},
	} {
		tests, err := failures(tc.printed)
		var names []string
		for _, test := range tests {
			names = append(names, test.pkg+"."+test.name)
			if !strings.HasPrefix(test.output, "--- FAIL: "+test.name) || strings.Contains(test.output, "\nFAIL") {
				t.Errorf("%s: its output is %q", name, test.output)
			}
		}
		if got := strings.Join(names, " "); got != tc.names || (err != nil) != (tc.names == "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tc.names)
		}
	}
}
