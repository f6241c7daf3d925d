package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"restante/internal/testkit"
)

const manual = "docs/operations.md"

// logged is a line that the server may log.
type logged struct{ level, text, where string }

// logLines returns the log lines of the code at levels warning and error. Each text must be a literal, so that an
// operator can look it up.
func logLines(t *testing.T) (found []logged) {
	t.Helper()
	files := token.NewFileSet()
	for _, path := range sources(t) {
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if line, ok := logLine(t, files, call); ok {
					found = append(found, line)
				}
			}
			return true
		})
	}
	return found
}

// sources returns the files of the server's code.
func sources(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{"testkit", "drivertest", "archtest", "load"}, d.Name()) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// logLine returns the line that a call logs: a call of a slog.Logger method named after its level, with or without a
// context, or of Log with a level of slog.
func logLine(t *testing.T, files *token.FileSet, call *ast.CallExpr) (logged, bool) {
	t.Helper()
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return logged{}, false
	}
	level, context := strings.CutSuffix(method.Sel.Name, "Context")
	at := 0
	if context {
		at = 1
	}
	if level == "Log" || level == "LogAttrs" {
		if len(call.Args) < 3 {
			return logged{}, false
		}
		if constant, ok := call.Args[1].(*ast.SelectorExpr); ok {
			level = strings.TrimPrefix(constant.Sel.Name, "Level")
		} else {
			level = "Warn" // the level is known only at run time
		}
		at = 2
	}
	// Error of an error has no argument; the text of http.Error is not the first argument.
	if level != "Warn" && level != "Error" || len(call.Args) <= at || isName(method.X, "http") {
		return logged{}, false
	}
	where := files.Position(call.Pos()).String()
	literal, ok := call.Args[at].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		t.Errorf("%s: the text of a log line must be a literal, so that it can be looked up", where)
		return logged{}, false
	}
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return logged{strings.ToLower(level), text, where}, true
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// section returns the manual's text from a heading to the next one of the same level.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, manual), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the manual has no section %q", heading)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// TestManual_ExplainsEveryLogLine compares the manual's table with the code, in both directions.
func TestManual_ExplainsEveryLogLine(t *testing.T) {
	lines := logLines(t)
	if len(lines) < 10 {
		t.Fatalf("only %d log lines were found", len(lines))
	}
	explained := map[string]string{} // level by text
	for _, row := range regexp.MustCompile("(?m)^\\| (warn|error) \\| `([^`]+)` \\| .{10,} \\|$").FindAllStringSubmatch(section(t, "Log lines"), -1) {
		explained[row[2]] = row[1]
	}
	real := map[string]bool{}
	for _, line := range lines {
		real[line.text] = true
		switch level, ok := explained[line.text]; {
		case !ok:
			t.Errorf("%s: the manual does not explain | %s | `%s` |", line.where, line.level, line.text)
		case level != line.level:
			t.Errorf("%s: the manual has `%s` at %s, it is logged at %s", line.where, line.text, level, line.level)
		}
	}
	for text := range explained {
		if !real[text] {
			t.Errorf("the manual explains a line that is never logged: %s", text)
		}
	}
}

// anchor is the name of a heading in links, as on GitHub.
func anchor(heading string) string {
	heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(strings.TrimSpace(heading), " ", "-")
}

// anchors returns every anchor of a page.
func anchors(text string) []string {
	var found []string
	text = regexp.MustCompile("(?ms)^ *```.*?^ *```").ReplaceAllString(text, "") // comments in them look like headings
	for _, heading := range all(`(?m)^#+ (.*)$`, text) {
		found = append(found, anchor(heading))
	}
	return append(found, all(`<a id="([^"]+)">`, text)...)
}

// TestManual_HasTheRunbookOfEveryAlert: the link of every alert leads to a section of the manual.
func TestManual_HasTheRunbookOfEveryAlert(t *testing.T) {
	have := anchors(read(t, manual))
	if unique := slices.Compact(slices.Sorted(slices.Values(have))); len(unique) != len(have) {
		t.Error("two headings have the same anchor")
	}
	alerts := read(t, "deploy/prometheus/alerts.yml")
	links := all(`operations\.md#([A-Za-z0-9_-]+)`, alerts)
	if count := strings.Count(alerts, "alert:"); count == 0 || len(links) == 0 {
		t.Fatalf("%d alerts with %d runbooks", count, len(links))
	}
	for _, link := range links {
		if !slices.Contains(have, link) {
			t.Errorf("alerts.yml sends its reader to %s#%s, which is not there", manual, link)
		}
	}
}

func TestManual_LinksExist(t *testing.T) {
	text := read(t, manual)
	for _, link := range all(`\]\(([^)\s]+)\)`, text) {
		if strings.Contains(link, "://") {
			continue
		}
		path, fragment, _ := strings.Cut(link, "#")
		target := text
		if path != "" {
			full := filepath.Join(filepath.Dir(manual), path)
			info, err := os.Stat(filepath.Join(root, full))
			if err != nil {
				t.Errorf("%s: %v", link, err)
				continue
			}
			if info.IsDir() {
				continue
			}
			target = read(t, full)
		}
		if fragment != "" && !slices.Contains(anchors(target), fragment) {
			t.Errorf("%s leads to no heading", link)
		}
	}
}

// TestManual_CommandsExist checks each command and its flags in the manual's examples.
func TestManual_CommandsExist(t *testing.T) {
	helps := map[string]string{}
	count := 0
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(read(t, manual), -1) {
		text := strings.ReplaceAll(block[1], "\\\n", " ")
		for _, use := range regexp.MustCompile(`(?m)(?:^|[|&;(] *|exec )restante ([a-z][^\n|&;#)]*)`).FindAllStringSubmatch(text, -1) {
			count++
			words := strings.Fields(use[1])
			command := words[:1]
			if words[0] == "dead" || words[0] == "broker" {
				command = words[:2]
			}
			if words[0] == "broker" && words[1] == "store" {
				command = words[:3]
			}
			name := strings.Join(command, " ")
			if helps[name] == "" {
				helps[name] = testkit.Run(t, "", testkit.Binary(t), append(slices.Clone(command), "--help")...)
			}
			for _, word := range words {
				flag, _, _ := strings.Cut(word, "=")
				if strings.HasPrefix(flag, "--") && !regexp.MustCompile(`(?m)^ +(-\w, *)?--(\[no-\])?`+flag[2:]+`\b`).MatchString(helps[name]) {
					t.Errorf("restante %s knows no %s", name, flag)
				}
			}
		}
	}
	if count < 5 {
		t.Errorf("only %d commands were found", count)
	}
}

// TestManual_VariablesAndMetricsExist checks the names that operators copy into their own files.
func TestManual_VariablesAndMetricsExist(t *testing.T) {
	text, help := read(t, manual), serveHelp(t)
	settings := read(t, "deploy/.env.example")
	for _, variable := range all("`(RESTANTE_[A-Z_]+)", text) {
		if !strings.Contains(help, "($"+variable+")") && !strings.Contains(settings, variable+"=") {
			t.Errorf("there is no %s", variable)
		}
	}
	var code strings.Builder
	for _, path := range sources(t) {
		code.WriteString(read(t, strings.TrimPrefix(path, root+"/")))
	}
	for _, metric := range all("`(restante_[a-z_]+)", text) {
		if !strings.Contains(code.String(), `"`+metric+`"`) {
			t.Errorf("there is no metric %s", metric)
		}
	}
}
