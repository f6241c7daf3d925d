// Package licenses lists what is in the binary, linked or in its web client, and under which licence, in docs/licenses.md,
// and sees to it that the list is true and that nothing comes in under terms that its users would have to know of first. For a release it writes the texts of the licences.
package licenses

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"

	"restante/client"
)

var update = flag.Bool("update", false, "write docs/licenses.md instead of comparing with it")

const document = "../../docs/licenses.md"

// allowed are licences that only require a notice with the binary.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense"}

// licenceFile matches the names of files with a module's terms, and with the terms of code that the module contains.
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
		said, refused := namesIn(text)
		if len(said) == 0 && !slices.Contains(looked, file.Name()) {
			refused = errors.New("not a licence that is known")
		}
		if refused != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", file.Name(), refused))
		}
		names = append(names, said...)
	}
	if len(names) == 0 {
		err = errors.Join(err, errors.New("no licence"))
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

// namesIn returns which licences a text has. One that is not allowed is an error.
func namesIn(text []byte) (names []string, err error) {
	for _, m := range licensecheck.Scan(text).Match {
		if !slices.Contains(allowed, m.ID) {
			err = errors.Join(err, fmt.Errorf("%s is not allowed", m.ID))
		}
		names = append(names, m.ID)
	}
	return names, err
}

// looked are files that the detector does not know and that were checked by hand: SQLite is in the public domain, and
// the logo is not in the binary.
var looked = []string{"LICENSE-SQLITE", "LICENSE-LOGO"}

// systems are what a release has binaries for; what is linked differs a little.
var systems = []string{"linux", "darwin", "windows"}

// directories returns where the source of each module of the binaries is, by path and version.
func directories(t *testing.T) map[string]string {
	t.Helper()
	modules := map[string]string{}
	for _, system := range systems {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
			"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "restante/cmd/restante")
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal("go list:", err)
		}
		for line := range strings.Lines(string(out)) {
			if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				modules[module] = dir
			}
		}
	}
	return modules
}

// linked returns the modules of the binaries, each with its licences.
func linked(t *testing.T) map[string]string {
	t.Helper()
	modules := map[string]string{}
	for module, dir := range directories(t) {
		names, err := licences(dir)
		if err != nil {
			t.Errorf("%s: %v", module, err)
		}
		modules[module] = strings.Join(names, ", ")
	}
	return modules
}

// bundled returns the packages whose code is in the web client, each with its licence, from the file that the build of the
// web client writes of them.
func bundled(file []byte) (packages map[string]string, err error) {
	packages = map[string]string{}
	parts := bytes.Split(file, []byte("\n"+strings.Repeat("=", 80)+"\n"))
	for _, part := range parts[1:] {
		head, terms, _ := strings.Cut(string(part), "\n\n")
		fields := regexp.MustCompile(`^(\S+ \S+)\nlicence: (\S+)(\n|$)`).FindStringSubmatch(head)
		if fields == nil {
			err = errors.Join(err, fmt.Errorf("no package and licence in %q", head))
			continue
		}
		name, licence := fields[1], fields[2]
		if !slices.Contains(allowed, licence) {
			err = errors.Join(err, fmt.Errorf("%s: %s is not allowed", name, licence))
		}
		said, refused := namesIn([]byte(terms))
		if refused == nil && strings.TrimSpace(terms) != "" && !slices.Contains(said, licence) {
			refused = fmt.Errorf("it says %s, its file %q", licence, said)
		}
		if refused != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, refused))
		}
		packages[name] = licence
	}
	return packages, err
}

// webTerms returns the terms of the packages in the web client, as the server sends them.
func webTerms(t *testing.T) []byte {
	t.Helper()
	site, err := client.New()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/licenses.txt", nil))
	if w.Code != http.StatusOK || w.Body.Len() == 0 {
		t.Fatalf("/licenses.txt: %d", w.Code)
	}
	return w.Body.Bytes()
}

func TestLicences_OfTheBinaryAreListed(t *testing.T) {
	packages, err := bundled(webTerms(t))
	if err != nil {
		t.Error(err)
	}
	modules := linked(t)
	if len(modules) < 20 || len(packages) < 10 {
		t.Fatalf("go list names %d modules, the web client has %d packages", len(modules), len(packages))
	}
	var b bytes.Buffer
	b.WriteString("# Licences\n\nWhat is in the binaries for Linux, macOS and Windows besides Restante and the standard library of Go (BSD-3-Clause).\n" +
		"`make licenses` writes this list; a test compares it with the binaries. A release carries the texts, in `licenses.txt`.\n\n## Linked\n\n| module | version | licence |\n|---|---|---|\n")
	writeRows(&b, modules)
	b.WriteString("\n## In the web client\n\nTheir terms go with the page, as `/licenses.txt`. `-tags noweb` leaves all of it out.\n\n" +
		"| package | version | licence |\n|---|---|---|\n")
	writeRows(&b, packages)
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

// writeRows writes one row for each name and version, with its licence.
func writeRows(b *bytes.Buffer, licences map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(licences)) {
		name, version, _ := strings.Cut(key, " ")
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, version, licences[key])
	}
}

func TestLicences_OfTheWebClientAreRefusedUnlessKnownAndAllowed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dirOf(t, "github.com/google/uuid"), "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	bsd := string(text)
	for name, tc := range map[string]struct {
		part string
		ok   bool
	}{
		"allowed":                 {"a 1.0.0\nlicence: BSD-3-Clause\nauthor: B\n\n" + bsd, true},
		"allowed, without a file": {"@a/b 1.0.0\nlicence: MIT\nsource: c\n\n", true},
		"not allowed":             {"a 1.0.0\nlicence: AGPL-3.0\n\n", false},
		"none":                    {"a 1.0.0\nlicence: undefined\n\n", false},
		"not a package":           {"a\n\n" + bsd, false},
		"another in its file":     {"a 1.0.0\nlicence: MIT\n\n" + bsd, false},
		"not known":               {"a 1.0.0\nlicence: MIT\n\nall rights reserved", false},
		"not allowed in its file": {"a 1.0.0\nlicence: BSD-3-Clause\n\n" + bsd + "\nhttps://creativecommons.org/licenses/by-nc/4.0/", false},
	} {
		packages, err := bundled([]byte("of these\n\n" + strings.Repeat("=", 80) + "\n" + tc.part))
		if (err == nil) != tc.ok || tc.ok && len(packages) != 1 {
			t.Errorf("%s: %v, %v", name, packages, err)
		}
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
