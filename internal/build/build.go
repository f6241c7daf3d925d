// Package build says which version of Restante this program is. It stands below everything else: the store notes the
// version beside what it migrates and switches on, the nodes tell it each other, and people read it.
package build

import "runtime/debug"

// Version returns the version that the toolchain has noted in the program, "(devel)" if there is none.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
