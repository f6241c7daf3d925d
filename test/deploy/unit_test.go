package deploy

import (
	"slices"
	"strings"
	"testing"
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
