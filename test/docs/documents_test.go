package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pages returns the Markdown files in and below a directory of the module, without the index in that directory.
func pages(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(filepath.Join(root, dir), path)
		if strings.HasSuffix(name, ".md") && name != "README.md" {
			found = append(found, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// decision is a line of the index: its number, its title, and the file that it names.
var decision = regexp.MustCompile(`(?m)^(\d+)\. \[(.+)\]\(([^)]+)\): .+$`)

// faultsOfIndex returns what is wrong with an index of decisions, given the heading of each file.
func faultsOfIndex(index string, headings map[string]string) (faults []string) {
	listed := map[string]bool{}
	lines := decision.FindAllStringSubmatch(index, -1)
	for i, line := range lines {
		number, title, file := line[1], line[2], line[3]
		if number != strconv.Itoa(i+1) {
			faults = append(faults, file+" has number "+number+", but its place is "+strconv.Itoa(i+1))
		}
		if listed[file] {
			faults = append(faults, file+" is listed twice")
		}
		listed[file] = true
		if want := "# " + number + ". " + title; headings[file] != want {
			faults = append(faults, file+" begins with "+strconv.Quote(headings[file])+", not with "+strconv.Quote(want))
		}
		if prefix, _, _ := strings.Cut(file, "-"); strings.TrimLeft(prefix, "0") != number || len(prefix) != 4 {
			faults = append(faults, file+" is not named after its number "+number)
		}
	}
	for file := range headings {
		if !listed[file] {
			faults = append(faults, file+" is not listed")
		}
	}
	return faults
}

func TestDecisions_AreIndexedInOrder(t *testing.T) {
	headings := map[string]string{}
	for _, file := range pages(t, "docs/decisions") {
		headings[file], _, _ = strings.Cut(read(t, "docs/decisions/"+file), "\n")
	}
	if len(headings) < 19 {
		t.Fatalf("only %d decisions were found", len(headings))
	}
	for _, fault := range faultsOfIndex(read(t, "docs/decisions/README.md"), headings) {
		t.Error(fault)
	}
}

func TestDecisions_FaultsOfTheIndexAreFound(t *testing.T) {
	headings := map[string]string{"0001-a.md": "# 1. A", "0002-b.md": "# 2. B"}
	const a, b = "1. [A](0001-a.md): the first.\n", "2. [B](0002-b.md): the second.\n"
	for name, tc := range map[string]struct {
		index string
		want  string // a part of the first fault; "" for an index that is right
	}{
		"right":             {a + b, ""},
		"one is missing":    {a, "0002-b.md is not listed"},
		"one is unknown":    {a + b + "3. [C](0003-c.md): the third.\n", `0003-c.md begins with ""`},
		"twice":             {a + b + "3. [B](0002-b.md): again.\n", "0002-b.md is listed twice"},
		"a gap":             {a + "3. [B](0002-b.md): the second.\n", "0002-b.md has number 3, but its place is 2"},
		"another title":     {a + "2. [C](0002-b.md): the second.\n", `not with "# 2. C"`},
		"no sentence":       {a + "2. [B](0002-b.md)\n", "0002-b.md is not listed"},
		"not in this order": {b + a, "0002-b.md has number 2, but its place is 1"},
	} {
		faults := faultsOfIndex(tc.index, headings)
		if (len(faults) == 0) != (tc.want == "") || len(faults) > 0 && !strings.Contains(faults[0], tc.want) {
			t.Errorf("%s: %q, want %q", name, faults, tc.want)
		}
	}
}

// links returns where the links of a page lead, as paths in the module, without what is on the web and without anchors.
func links(t *testing.T, page string) (found []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`\]\(([^)\s#]+)(#[^)\s]*)?\)`).FindAllStringSubmatch(read(t, page), -1) {
		if !strings.Contains(m[1], "://") {
			found = append(found, filepath.Join(filepath.Dir(page), m[1]))
		}
	}
	return found
}

func TestDocumentation_MapNamesEveryPageOnce(t *testing.T) {
	named := map[string]int{}
	for _, link := range links(t, "docs/README.md") {
		named[link]++
	}
	for _, page := range pages(t, "docs") {
		if strings.HasPrefix(page, "decisions/") && page != "decisions/README.md" {
			continue // the index of decisions names them
		}
		if n := named["docs/"+page]; n != 1 {
			t.Errorf("docs/README.md names docs/%s %d times, want once", page, n)
		}
	}
}

func TestDocumentation_LinksLeadSomewhere(t *testing.T) {
	entries := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/README.md", "docs/decisions/README.md"}
	for _, page := range pages(t, "docs") {
		entries = append(entries, "docs/"+page)
	}
	slices.Sort(entries)
	for _, page := range slices.Compact(entries) {
		for _, link := range links(t, page) {
			if _, err := os.Stat(filepath.Join(root, link)); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
