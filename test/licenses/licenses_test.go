// Package licenses lists what is linked into the binary and under which licence, in docs/licenses.md, and sees to it that
// the list is true and that nothing comes in under terms that the binary's users would have to know of first.
package licenses

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

var update = flag.Bool("update", false, "write docs/licenses.md instead of comparing with it")

const document = "../../docs/licenses.md"

// allowed are the licences that ask no more of those who pass the binary on than to say whose code is in it.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense"}

// licenceFile is how the files are called that hold a module's terms, and those of what it has taken from others.
var licenceFile = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^copying`)

// licences returns what the licence files in a directory say, sorted. A file whose text is not known, or not allowed, is
// an error.
func licences(dir string) (names []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if file.IsDir() || !licenceFile.MatchString(file.Name()) {
			continue
		}
		text, readErr := os.ReadFile(filepath.Join(dir, file.Name()))
		if readErr != nil {
			return nil, readErr
		}
		matches := licensecheck.Scan(text).Match
		if len(matches) == 0 && !slices.Contains(looked, file.Name()) {
			err = errors.Join(err, fmt.Errorf("%s: not a licence that is known", file.Name()))
		}
		for _, m := range matches {
			if !slices.Contains(allowed, m.ID) {
				err = errors.Join(err, fmt.Errorf("%s: %s is not allowed", file.Name(), m.ID))
			}
			names = append(names, m.ID)
		}
	}
	if len(names) == 0 {
		err = errors.Join(err, errors.New("no licence"))
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

// looked are files that the detector does not know and somebody has read: SQLite is in the public domain, and a logo is
// in no binary.
var looked = []string{"LICENSE-SQLITE", "LICENSE-LOGO"}

// linked returns the modules of the binary, each with its licences.
func linked(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "restante/cmd/restante")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	modules := map[string]string{}
	for line := range strings.Lines(string(out)) {
		module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if _, known := modules[module]; !ok || known {
			continue
		}
		names, err := licences(dir)
		if err != nil {
			t.Errorf("%s: %v", module, err)
		}
		modules[module] = strings.Join(names, ", ")
	}
	return modules
}

func TestLicences_OfWhatIsLinkedAreListed(t *testing.T) {
	modules := linked(t)
	if len(modules) < 20 {
		t.Fatalf("go list names %d modules", len(modules))
	}
	var b bytes.Buffer
	b.WriteString("# Licences\n\nWhat is linked into the binary besides Restante and the standard library of Go (BSD-3-Clause). The web page holds\n" +
		"no code of others. `make licenses` writes this list; a test compares it with the binary.\n\n" +
		"| module | version | licence |\n|---|---|---|\n")
	for _, module := range slices.Sorted(maps.Keys(modules)) {
		path, version, _ := strings.Cut(module, " ")
		fmt.Fprintf(&b, "| %s | %s | %s |\n", path, version, modules[module])
	}
	if *update {
		if err := os.WriteFile(document, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	listed, err := os.ReadFile(document)
	if err != nil || !bytes.Equal(listed, b.Bytes()) {
		t.Errorf("docs/licenses.md is not what the binary has; `make licenses` writes it (%v)", err)
	}
}

func TestLicences_AreRefusedUnlessKnownAndAllowed(t *testing.T) {
	mit, err := os.ReadFile(filepath.Join(dirOf(t, "github.com/google/uuid"), "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	const agpl = "GNU AFFERO GENERAL PUBLIC LICENSE Version 3, 19 November 2007"
	for name, tc := range map[string]struct {
		files map[string]string
		ok    bool
	}{
		"allowed":               {map[string]string{"LICENSE": string(mit)}, true},
		"none":                  {map[string]string{"README": string(mit)}, false},
		"not known":             {map[string]string{"LICENSE": "all rights reserved"}, false},
		"one of them not known": {map[string]string{"LICENSE": string(mit), "LICENSE-OTHER": "all rights reserved"}, false},
		"not allowed":           {map[string]string{"COPYING": agpl, "CHANGELOG.md": string(mit)}, false},
	} {
		dir := t.TempDir()
		for file, text := range tc.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if names, err := licences(dir); (err == nil) != tc.ok {
			t.Errorf("%s: %q, %v", name, names, err)
		}
	}
}

// dirOf returns where the source of a module is.
func dirOf(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	return strings.TrimSpace(string(out))
}
