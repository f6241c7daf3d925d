package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The limits of size. A longer file has more than one subject. A longer function hides its steps; tests are exempt from
// that limit, because a table of cases may be long.
const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

// oversized returns one sentence if the file, and one for each function in it, that is too long.
func oversized(path string, source []byte) ([]string, error) {
	var faults []string
	if lines := bytes.Count(source, []byte("\n")); lines > maxFileLines {
		faults = append(faults, fmt.Sprintf("%s has %d lines, the limit is %d: split it by subject", path, lines, maxFileLines))
	}
	if strings.HasSuffix(path, "_test.go") {
		return faults, nil
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		lines := files.Position(function.Body.Rbrace).Line - files.Position(function.Body.Lbrace).Line - 1
		if lines > maxFunctionLines {
			faults = append(faults, fmt.Sprintf("%s: %s has %d lines, the limit is %d: name its steps", path, function.Name.Name, lines, maxFunctionLines))
		}
	}
	return faults, nil
}

func TestSize_OfFilesAndFunctions(t *testing.T) {
	root := filepath.Join("..", "..")
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-co", "--exclude-standard", "*.go")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for path := range strings.Lines(string(out)) {
		path = strings.TrimSpace(path)
		source, err := os.ReadFile(filepath.Join(root, path))
		if os.IsNotExist(err) {
			continue // deleted, but not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		faults, err := oversized(path, source)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults {
			t.Error(fault)
		}
	}
}

func TestOversized_CountsLines(t *testing.T) {
	function := func(lines int) string {
		return "package p\n\nfunc f() {\n" + strings.Repeat("\tf()\n", lines) + "}\n"
	}
	for _, tc := range []struct {
		path, source string
		faults       int
	}{
		{"a.go", function(maxFunctionLines), 0},
		{"a.go", function(maxFunctionLines + 1), 1},
		{"a_test.go", function(maxFunctionLines + 1), 0},
		{"a.go", "package p\n" + strings.Repeat("\n", maxFileLines-1), 0},
		{"a_test.go", "package p\n" + strings.Repeat("\n", maxFileLines), 1},
		{"a.go", function(maxFileLines), 2},
	} {
		faults, err := oversized(tc.path, []byte(tc.source))
		if err != nil || len(faults) != tc.faults {
			t.Errorf("%s with %d lines: %q, %v, want %d faults", tc.path, strings.Count(tc.source, "\n"), faults, err, tc.faults)
		}
	}
}
