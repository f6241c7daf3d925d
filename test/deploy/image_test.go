package deploy

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// dockerfile returns the Dockerfile's instructions, one a line.
func dockerfile(t *testing.T) string {
	t.Helper()
	return strings.ReplaceAll(uncommented(read(t, "Dockerfile")), "\\\n", " ")
}

// TestImage_TheBuildCommandMakesABinaryThatNeedsNothing runs the line of the Dockerfile that builds.
func TestImage_TheBuildCommandMakesABinaryThatNeedsNothing(t *testing.T) {
	line := all(`(CGO_ENABLED=0 go build[^\n]*)`, dockerfile(t))
	if len(line) != 1 {
		t.Fatalf("the Dockerfile has %d lines that build", len(line))
	}
	binary := filepath.Join(t.TempDir(), "restante")
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.NewReplacer("/out/restante", binary, "${BUILDVCS}", "false").Replace(line[0]))
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the binary is not static: it does not start in an empty image")
	}
	if libraries, err := program.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("the binary needs %q", libraries)
	}
	if out := testkit.Run(t, "", binary, "version"); !strings.HasPrefix(out, "restante ") {
		t.Errorf("it says %q", out)
	}
}

func TestImage_IsPinnedEmptyAndNobodysRoot(t *testing.T) {
	file := dockerfile(t)
	images := all(`(?m)^FROM (\S+)`, file)
	version := all(`(?m)^go (\S+)$`, read(t, "go.mod"))
	if len(images) != 2 || len(version) != 1 || images[0] != "golang:"+version[0]+"-bookworm" || images[1] != "scratch" {
		t.Errorf("built from %q, with Go %q in go.mod", images, version)
	}
	if user := all(`(?m)^USER (\d+):\d+$`, file); len(user) != 1 || user[0] == "0" {
		t.Errorf("it runs as %q", user)
	}
	port := all(`(?m)^EXPOSE (\d+)$`, file)
	if len(port) != 1 || !strings.Contains(file, "RESTANTE_LISTEN=:"+port[0]) {
		t.Errorf("it exposes %q and listens elsewhere", port)
	}
	if strings.Contains(file, "RESTANTE_AUTH") {
		t.Error("the image must not choose the authentication: the operator does")
	}
	help := serveHelp(t)
	for _, variable := range all(`(RESTANTE_[A-Z_]+)=`, file) {
		if !strings.Contains(help, "($"+variable+")") {
			t.Errorf("restante serve knows no %s", variable)
		}
	}
}

// TestImage_SaysWhatItIs: a registry shows the labels, and those that a build does not know are arguments.
func TestImage_SaysWhatItIs(t *testing.T) {
	_, image, found := strings.Cut(dockerfile(t), "FROM scratch\n")
	if !found {
		t.Fatal("the Dockerfile has no last stage")
	}
	labels := map[string]string{}
	for _, m := range regexp.MustCompile(`org\.opencontainers\.image\.(\w+)="([^"]*)"`).FindAllStringSubmatch(image, -1) {
		labels[m[1]] = m[2]
	}
	for label, want := range map[string]string{
		"title": "restante", "description": "Self-hosted group messaging that keeps what it has accepted", "licenses": "Apache-2.0",
		"source": "${SOURCE}", "version": "${VERSION}", "revision": "${REVISION}",
	} {
		if labels[label] != want {
			t.Errorf("the label %s is %q, want %q", label, labels[label], want)
		}
		argument := strings.Trim(want, "${}")
		if argument != want && !regexp.MustCompile(`(?m)^ARG .*\b`+argument+`=`).MatchString(image) {
			t.Errorf("%s is no argument of the last stage", argument)
		}
	}
	if !strings.HasPrefix(strings.TrimSpace(read(t, "LICENSE")), "Apache License") {
		t.Error("LICENSE has another licence than the label")
	}
	if !strings.Contains(image, "COPY LICENSE NOTICE /licenses/") {
		t.Error("the image has no licence")
	}
}

// TestImage_HealthCheckWorks runs the command of the Dockerfile.
func TestImage_HealthCheckWorks(t *testing.T) {
	check := regexp.MustCompile(`(?m)^HEALTHCHECK .*CMD \["/restante", (.*)\]$`).FindStringSubmatch(dockerfile(t))
	if check == nil {
		t.Fatal("the Dockerfile has no health check, or one with a shell")
	}
	args := strings.Split(strings.ReplaceAll(check[1], `"`, ""), ", ")
	if !slices.Contains(args, "--live") {
		t.Error("it asks whether the server is ready: one that waits for its broker would be restarted")
	}
	server := testkit.Start(t, testkit.Options{})
	if out := testkit.Run(t, "", testkit.Binary(t), append(args, "--url", server.URL())...); out != "alive\n" {
		t.Errorf("%q", out)
	}
}

// TestImage_HasWhatGitHas: a tracked file that did not reach the build would be missing there, and would make the build
// say that the tree was changed.
func TestImage_HasWhatGitHas(t *testing.T) {
	git := testkit.Need(t, "git")
	cmd := exec.CommandContext(t.Context(), git, "ls-files", "--cached", "--ignored", "--exclude-from=.dockerignore")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("not in a repository: %v\n%s", err, out)
	}
	if len(out) > 0 {
		t.Errorf(".dockerignore keeps out what git has:\n%s", out)
	}
}
