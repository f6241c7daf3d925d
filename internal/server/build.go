package server

import (
	"runtime"
	"runtime/debug"

	"restante/internal/api"
	"restante/internal/build"
)

// ReadBuild returns what the toolchain has noted in the program. A build from a source tree without a version has the
// version "(devel)"; a commit ends with "+changes" when the tree had uncommitted ones.
func ReadBuild() api.Build {
	b := api.Build{Version: build.Version(), Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	b.Commit = settings["vcs.revision"]
	if settings["vcs.modified"] == "true" {
		b.Commit += "+changes"
	}
	return b
}
