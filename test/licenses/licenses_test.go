// Package licenses lists what is linked into the binary and under which licence, in docs/licenses.md, and sees to it that
// the list is true and that nothing comes in under terms that the binary's users would have to know of first.
package licenses

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/licenses.md instead of comparing with it")

const document = "../../docs/licenses.md"

// forms tells licences by what only their texts say, the more particular ones first.
var forms = []struct {
	name string
	says []string
}{
	{"Apache-2.0", []string{"apache license", "version 2.0"}},
	{"MPL-2.0", []string{"mozilla public license", "version 2.0"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "name of"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"}},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy"}},
}

// licence returns the name of a licence by its text, "" for one that is not allowed or not known.
func licence(text string) string {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for _, f := range forms {
		if !slices.ContainsFunc(f.says, func(s string) bool { return !strings.Contains(text, s) }) {
			return f.name
		}
	}
	return ""
}

// linked returns the modules of the binary, each with its licence.
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
		if !ok || modules[module] != "" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(dir, "[LCU]*")) // LICENSE, COPYING, UNLICENSE
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && modules[module] == "" {
				modules[module] = licence(string(text))
			}
		}
		if modules[module] == "" {
			t.Errorf("%s has no licence that is known and allowed, in %s", module, dir)
		}
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

func TestLicence_IsKnownByItsText(t *testing.T) {
	for text, want := range map[string]string{
		"Permission is hereby granted, free of\n charge, to any person obtaining a copy of this": "MIT",
		"Redistribution and use in source and binary forms, … Neither the name of X":             "BSD-3-Clause",
		"Redistribution and use in source and binary forms, with or without":                     "BSD-2-Clause",
		"Apache License\n Version 2.0, January 2004":                                             "Apache-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3":                                                   "",
		"GNU AFFERO GENERAL PUBLIC LICENSE":                                                      "",
		"Business Source License 1.1":                                                            "",
		"all rights reserved":                                                                    "",
	} {
		if got := licence(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
