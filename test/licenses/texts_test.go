package licenses

import (
	"bytes"
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
)

var texts = flag.String("texts", "", "write the texts of all licences to this file, seen from the module's directory")

// termsFile is how the files are called whose text goes with a binary: licences, and the notices that some ask for.
var termsFile = regexp.MustCompile(licenceFile.String() + `|(?i)^notice`)

// writeTexts writes every file with terms of a directory, under a heading.
func writeTexts(b *bytes.Buffer, heading, dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if file.IsDir() || !termsFile.MatchString(file.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "%s\n%s: %s\n\n%s\n\n", strings.Repeat("=", 80), heading, file.Name(), bytes.TrimSpace(text))
	}
	return nil
}

// TestLicences_OfTheReleaseHaveTheirTexts: the licences allow to pass the binary on with their texts.
func TestLicences_OfTheReleaseHaveTheirTexts(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("The binary contains the work of others, under these terms.\n\n")
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal("go env:", err)
	}
	modules := directories(t)
	modules["the standard library of Go"] = strings.TrimSpace(string(out))
	for _, module := range slices.Sorted(maps.Keys(modules)) {
		before := b.Len()
		if err := writeTexts(&b, module, modules[module]); err != nil {
			t.Errorf("%s: %v", module, err)
		}
		if !licenceFile.Match(bytes.TrimPrefix(b.Bytes()[before:], []byte(strings.Repeat("=", 80)+"\n"+module+": "))) {
			t.Errorf("%s has no text of a licence", module)
		}
	}
	fmt.Fprintf(&b, "%s\nIn the web client\n\n%s", strings.Repeat("=", 80), webTerms(t))
	if *texts == "" {
		return
	}
	if err := os.WriteFile(filepath.Join("../..", *texts), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
