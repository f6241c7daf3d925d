package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "restante/"

// pkg is a package, as far as the rules need it.
type pkg struct {
	path    string   // path within the module
	imports []string // full import paths of its code, without those of its tests
}

// check returns one sentence for each import that breaks a rule, sorted.
func check(packages []pkg) []string {
	var faults []string
	for _, p := range packages {
		allowed, known := arrows[p.path]
		if !known {
			faults = append(faults, fmt.Sprintf("%s has no line in the arrows of internal/archtest", p.path))
			continue
		}
		for _, imp := range p.imports {
			own, isOwn := strings.CutPrefix(imp, module)
			if isOwn && !slices.Contains(allowed, own) {
				faults = append(faults, fmt.Sprintf("%s may not import %s", p.path, own))
			}
			exceptions, isPure := pure[p.path]
			if isPure && !isOwn && !isStandard(imp) && !slices.Contains(exceptions, imp) {
				faults = append(faults, fmt.Sprintf("%s may import the standard library only, not %s", p.path, imp))
			}
			for library, users := range keepers {
				if within(imp, library) && !slices.Contains(users, p.path) {
					faults = append(faults, fmt.Sprintf("%s may not import %s: only %s may", p.path, imp, strings.Join(users, ", ")))
				}
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// isStandard reports whether an import path belongs to the standard library: its first element has no dot.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// within reports whether path is prefix or a directory below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// list returns every package of the module that has code other than tests.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,GoFiles", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath       string
			Imports, GoFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal("go list:", err)
		}
		if len(p.GoFiles) > 0 {
			packages = append(packages, pkg{strings.TrimPrefix(p.ImportPath, module), p.Imports})
		}
	}
}

func TestArrows_OfThisModule(t *testing.T) {
	packages := list(t)
	for _, must := range []string{"internal/journey", "internal/server", "cmd/restante"} {
		if !slices.ContainsFunc(packages, func(p pkg) bool { return p.path == must }) {
			t.Errorf("go list did not return %s", must)
		}
	}
	for _, fault := range check(packages) {
		t.Error(fault)
	}
}

func TestCheck_FindsForbiddenImports(t *testing.T) {
	for _, tc := range []struct {
		path, imp string
		want      string // a part of the expected sentence; "" if the import is allowed
	}{
		{"internal/journey", "restante/internal/chat", ""},
		{"internal/journey", "restante/internal/store", "internal/journey may not import internal/store"},
		{"internal/journey", "github.com/google/uuid", ""},
		{"internal/journey", "github.com/prometheus/client_golang/prometheus", "may import the standard library only"},
		{"internal/journey", "net/http", "internal/journey may not import net/http"},
		{"internal/chat", "unicode/utf8", ""},
		{"internal/chat", "golang.org/x/text/unicode/norm", "may import the standard library only"},
		{"internal/signalr", "restante/internal/chat", "internal/signalr may not import internal/chat"},
		{"internal/signalr", "github.com/gobwas/ws", ""},
		{"internal/hub", "github.com/gobwas/ws/wsutil", "internal/hub may not import github.com/gobwas/ws/wsutil"},
		{"internal/store", "modernc.org/sqlite", "only internal/store/sqlite may"},
		{"internal/store/sqlite", "modernc.org/sqlite/lib", ""},
		{"internal/api", "restante/internal/store/sqlite", "internal/api may not import internal/store/sqlite"},
		{"internal/server", "restante/internal/store/drivertest", "internal/server may not import internal/store/drivertest"},
		{"internal/newcomer", "fmt", "internal/newcomer has no line"},
	} {
		faults := check([]pkg{{tc.path, []string{tc.imp}}})
		switch {
		case tc.want == "" && len(faults) > 0:
			t.Errorf("%s importing %s: unexpected %q", tc.path, tc.imp, faults)
		case tc.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], tc.want)):
			t.Errorf("%s importing %s: got %q, want %q", tc.path, tc.imp, faults, tc.want)
		}
	}
}

func TestArrows_HaveNoCircle(t *testing.T) {
	state := make(map[string]int) // 1: on the current path, 2: done
	var visit func(path []string, p string)
	visit = func(path []string, p string) {
		if state[p] == 1 {
			t.Errorf("circle: %s", strings.Join(append(path, p), " → "))
		}
		if state[p] != 0 {
			return
		}
		state[p] = 1
		for _, next := range arrows[p] {
			visit(append(path, p), next)
		}
		state[p] = 2
	}
	for p := range arrows {
		visit(nil, p)
	}
}
