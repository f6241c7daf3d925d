package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// recipe is a block of code in docs/api/clients.md that names the file that the tests run.
var recipe = regexp.MustCompile("(?ms)^```[a-z]+ ([a-z]+/[A-Za-z_.]+)\n(.*?)^```$")

// The recipes in the documentation are the files that the programs of the tests use.
func TestRecipes_AreWhatIsTested(t *testing.T) {
	page, err := os.ReadFile("../../docs/api/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, m := range recipe.FindAllStringSubmatch(string(page), -1) {
		shown[m[1]] = true
		if file, err := os.ReadFile(m[1]); err != nil || string(file) != m[2] {
			t.Errorf("docs/api/clients.md shows another %s than is tested: %v", m[1], err)
		}
	}
	files, err := filepath.Glob("*/*recipe*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "java/Room.java") {
		if !shown[filepath.ToSlash(file)] {
			t.Errorf("docs/api/clients.md does not show %s", file)
		}
	}
}
