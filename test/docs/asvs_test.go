package docs

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirements is how many requirements of the levels 1 and 2 each section of ASVS 5.0.0 has. In every section those of level 3 come
// last. Sections that have only those of level 3 are left out.
var requirements = map[string]int{
	"V1.1": 2, "V1.2": 9, "V1.3": 11, "V1.4": 3, "V1.5": 2,
	"V2.1": 3, "V2.2": 3, "V2.3": 4, "V2.4": 1,
	"V3.2": 2, "V3.3": 4, "V3.4": 6, "V3.5": 5, "V3.7": 2,
	"V4.1": 3, "V4.2": 1, "V4.3": 2, "V4.4": 4,
	"V5.1": 1, "V5.2": 3, "V5.3": 2, "V5.4": 3,
	"V6.1": 3, "V6.2": 12, "V6.3": 4, "V6.4": 4, "V6.5": 5, "V6.6": 3, "V6.8": 4,
	"V7.1": 3, "V7.2": 4, "V7.3": 2, "V7.4": 5, "V7.5": 2, "V7.6": 2,
	"V8.1": 2, "V8.2": 3, "V8.3": 1, "V8.4": 1,
	"V9.1": 3, "V9.2": 4,
	"V10.1": 2, "V10.2": 2, "V10.3": 4, "V10.4": 11, "V10.5": 5, "V10.6": 2, "V10.7": 3,
	"V11.1": 2, "V11.2": 3, "V11.3": 3, "V11.4": 4, "V11.5": 1, "V11.6": 1,
	"V12.1": 3, "V12.2": 2, "V12.3": 4,
	"V13.1": 1, "V13.2": 5, "V13.3": 2, "V13.4": 5,
	"V14.1": 2, "V14.2": 4, "V14.3": 3,
	"V15.1": 3, "V15.2": 3, "V15.3": 7,
	"V16.1": 1, "V16.2": 5, "V16.3": 4, "V16.4": 3, "V16.5": 3,
	"V17.1": 1, "V17.2": 4, "V17.3": 2,
}

var (
	asvsRow  = regexp.MustCompile(`(?m)^\| (V\d+\.\d+)\.(\d+) \| (yes|no|n/a) \| (.*) \| (.*) \|$`)
	testName = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// tests returns the names of all tests of the module.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		code, err := os.ReadFile(path)
		for _, name := range testFunc.FindAllSubmatch(code, -1) {
			found[string(name[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A yes without a test is a claim, and a no without a reason is of no use to its reader.
func TestASVS_EveryRequirementIsAnswered(t *testing.T) {
	exist, answered := tests(t), map[string]bool{}
	for _, row := range asvsRow.FindAllStringSubmatch(read(t, "docs/asvs.md"), -1) {
		id, answer, why, named := row[1]+"."+row[2], row[3], row[4], testName.FindAllStringSubmatch(row[5], -1)
		if answered[id] {
			t.Errorf("%s is answered twice", id)
		}
		answered[id] = true
		switch {
		case answer == "yes" && len(named) == 0:
			t.Errorf("%s: yes, by no test", id)
		case answer != "yes" && (why == "" || len(named) > 0):
			t.Errorf("%s: %s, with %d tests and the reason %q", id, answer, len(named), why)
		}
		for _, name := range named {
			if !exist[name[1]] {
				t.Errorf("%s: there is no %s", id, name[1])
			}
		}
	}
	for _, section := range slices.Sorted(maps.Keys(requirements)) {
		for i := range requirements[section] {
			if id := fmt.Sprintf("%s.%d", section, i+1); !answered[id] {
				t.Errorf("%s is not answered", id)
			} else {
				delete(answered, id)
			}
		}
	}
	for id := range answered {
		t.Errorf("%s is no requirement of level 1 or 2", id)
	}
}

func TestSecurity_EveryThreatNamesItsTests(t *testing.T) {
	_, threats, found := strings.Cut(read(t, "docs/security.md"), "\n## Threats, and the tests against them\n")
	if !found {
		t.Fatal("docs/security.md has no list of threats")
	}
	threats, _, _ = strings.Cut(threats, "\n## ")
	exist, rows := tests(t), 0
	for line := range strings.Lines(threats) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| threat ") {
			continue
		}
		rows++
		named := testName.FindAllStringSubmatch(line, -1)
		if len(named) == 0 {
			t.Errorf("no test stands against: %s", line)
		}
		for _, name := range named {
			if !exist[name[1]] {
				t.Errorf("there is no %s, in: %s", name[1], line)
			}
		}
	}
	if rows < 15 {
		t.Errorf("only %d threats were found", rows)
	}
}
