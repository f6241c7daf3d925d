package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// TestUnit_StartsWhatExists: the unit, its settings and the packages name commands, variables and files that exist. That a
// server runs under it is tested by `make packages-test`, and a file that is missing is found by `make snapshot`.
func TestUnit_StartsWhatExists(t *testing.T) {
	unit, settings, recipe := read(t, "packaging/restante.service"), read(t, "packaging/restante.env"), read(t, ".goreleaser.yaml")
	if command := all(`(?m)^ExecStart=(.*)$`, unit); !slices.Equal(command, []string{"/usr/bin/restante serve"}) {
		t.Errorf("the unit starts %q", command)
	}
	help := serveHelp(t)
	variables := all(`(RESTANTE_[A-Z_]+)=`, unit+settings)
	if len(variables) < 4 {
		t.Fatalf("only %q were found", variables)
	}
	for _, variable := range variables {
		if !strings.Contains(help, "($"+variable+")") {
			t.Errorf("restante serve knows no %s", variable)
		}
	}
	if uncommented(settings) != "" {
		t.Error("the settings change a default")
	}
	for _, path := range []string{"/etc/restante/restante.env", "/usr/share/doc/restante/operations.md", "/usr/lib/systemd/system/restante.service"} {
		if !strings.Contains(recipe, "dst: "+path) || !strings.Contains(unit+settings, path) {
			t.Errorf("%s is named by the unit or its settings, or is in the packages, but not both", path)
		}
	}
	for _, property := range []string{"DynamicUser=yes", "StateDirectory=restante", "ProtectSystem=strict", "NoNewPrivileges=yes",
		"PrivateTmp=yes", "PrivateDevices=yes", "UMask=0077", "MemoryMax=75%", "MemorySwapMax=0", "LimitCORE=0", "SystemCallFilter=@system-service"} {
		if !strings.Contains(unit, "\n"+property+"\n") {
			t.Errorf("the unit has no %s", property)
		}
	}
}

// TestUnit_SystemdUnderstandsIt lets systemd read the unit: it would ignore a property that it does not know, with a line in its log.
func TestUnit_SystemdUnderstandsIt(t *testing.T) {
	unit := strings.Replace(read(t, "packaging/restante.service"), "/usr/bin/restante serve", "/bin/true", 1)
	example := regexp.MustCompile(`(?m)^#   ((?:LoadCredential|Environment)=.*)$`)
	lines := example.FindAllStringSubmatch(unit, -1)
	if len(lines) != 2 {
		t.Fatalf("the example of a secret has %d lines", len(lines))
	}
	for _, line := range lines {
		unit = strings.Replace(unit, "[Service]\nType", "[Service]\n"+line[1]+"\nType", 1)
	}
	file := filepath.Join(t.TempDir(), "restante.service")
	if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	systemd := testkit.Need(t, "systemd-analyze")
	if out, err := exec.Command(systemd, "verify", "--man=no", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := exec.Command(systemd, "security", "--offline=true", "--no-pager", "--threshold=20", file).CombinedOutput(); err != nil {
		t.Errorf("the sandbox has become wider: %v: %s", err, out)
	}
}
