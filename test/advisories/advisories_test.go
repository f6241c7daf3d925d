// Package advisories compares what the binaries are made of with a list of published advisories, which is committed with the day
// on which it was brought up to date. The test needs no network. It knows no advisory that the list lacks: scripts/advisories.sh asks
// the databases themselves where they can be reached.
package advisories

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/semver"
)

// list is advisories.json.
type list struct {
	Looked     string // the day on which the databases were looked at, YYYY-MM-DD
	Sources    []string
	Advisories []advisory
}

// advisory says which versions of a module have a fault. Its events have the meaning that they have in OSV: a version is affected
// from one that introduced the fault up to, and without, the next one that fixed it.
type advisory struct {
	ID      string
	Module  string // "go" is the toolchain with its standard library
	Summary string
	Events  []struct{ Introduced, Fixed string }
}

// affects reports whether a version, such as v1.2.3, has the fault.
func (a advisory) affects(version string) bool {
	affected := false
	for _, e := range a.Events {
		switch {
		case e.Introduced == "0":
			affected = true
		case e.Introduced != "" && semver.Compare(version, "v"+e.Introduced) >= 0:
			affected = true
		case e.Fixed != "" && semver.Compare(version, "v"+e.Fixed) >= 0:
			affected = false
		}
	}
	return affected
}

func readList(t *testing.T) list {
	t.Helper()
	file, err := os.ReadFile("advisories.json")
	if err != nil {
		t.Fatal(err)
	}
	var l list
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		t.Fatal("advisories.json:", err)
	}
	return l
}

// used returns the versions of the modules that the binary is made of, and of Go.
func used(t *testing.T) map[string]string {
	t.Helper()
	output := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "go", args...).Output()
		if err != nil {
			t.Fatal("go", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	versions := map[string]string{"go": "v" + strings.TrimPrefix(output("env", "GOVERSION"), "go")}
	const format = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}"
	for line := range strings.Lines(output("list", "-deps", "-f", format, "restante/cmd/restante")) {
		if module, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			versions[module] = version
		}
	}
	return versions
}

func TestAdvisories_NoneIsOfAVersionInUse(t *testing.T) {
	l, versions := readList(t), used(t)
	if len(versions) < 20 {
		t.Fatalf("only %d modules were found", len(versions))
	}
	for _, a := range l.Advisories {
		if version := versions[a.Module]; version != "" && a.affects(version) {
			t.Errorf("%s %s has %s: %s", a.Module, version, a.ID, a.Summary)
		}
	}
	t.Logf("%d modules compared with %d advisories; the list is of %s", len(versions), len(l.Advisories), l.Looked)
}

func TestAdvisories_ListIsWellFormed(t *testing.T) {
	l := readList(t)
	if _, err := time.Parse(time.DateOnly, l.Looked); err != nil || len(l.Sources) == 0 || len(l.Advisories) == 0 {
		t.Fatalf("looked %q, %d sources, %d advisories", l.Looked, len(l.Sources), len(l.Advisories))
	}
	seen := map[string]bool{}
	for _, a := range l.Advisories {
		if key := a.ID + a.Module; a.ID == "" || a.Summary == "" || seen[key] {
			t.Errorf("%+v lacks something, or is listed twice", a)
		} else {
			seen[key] = true
		}
		for _, e := range a.Events {
			version := "v" + e.Introduced + e.Fixed
			if (e.Introduced == "") == (e.Fixed == "") || version != "v0" && !semver.IsValid(version) {
				t.Errorf("%s: %+v is no event", a.ID, e)
			}
		}
	}
}

func TestAdvisory_Affects(t *testing.T) {
	var a advisory
	const text = `{"events": [{"introduced": "0"}, {"fixed": "1.25.10"}, {"introduced": "1.26.0-0"}, {"fixed": "1.26.3"}]}`
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]bool{
		"v1.2.3": true, "v1.25.9": true, "v1.25.10": false, "v1.25.99": false, "v1.26.0-rc.1": true, "v1.26.2": true, "v1.26.3": false, "v2.0.0": false,
	} {
		if a.affects(version) != want {
			t.Errorf("%s: %v, want %v", version, !want, want)
		}
	}
}

// npm checks these sums when it installs. A package without an address is of the registry that is set up.
func TestLockfiles_EveryPackageHasASum(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "ls-files", "-co", "--exclude-standard", "--", "*package-lock.json").Output()
	if err != nil {
		t.Fatal("git ls-files:", err)
	}
	files := strings.Fields(string(out))
	if len(files) == 0 {
		t.Fatal("no lockfile was found")
	}
	for _, name := range files {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		var lock struct {
			Packages map[string]struct {
				Resolved, Integrity string
				Link, InBundle      bool
			}
		}
		if err := json.Unmarshal(text, &lock); err != nil || len(lock.Packages) < 2 {
			t.Fatalf("%s: %v, %d packages", name, err, len(lock.Packages))
		}
		for path, p := range lock.Packages {
			if path == "" || p.Link || p.InBundle { // the project itself, and what comes inside another package
				continue
			}
			if p.Resolved != "" && !strings.HasPrefix(p.Resolved, "https://registry.npmjs.org/") || !strings.HasPrefix(p.Integrity, "sha512-") {
				t.Errorf("%s: %s is of %q with the sum %q", name, path, p.Resolved, p.Integrity)
			}
		}
	}
}
