package load

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// describeMachine describes the machine on one line, as far as it can be found out.
func describeMachine() string {
	model := procField("/proc/cpuinfo", "model name")
	if model == "" {
		model = runtime.GOARCH
	}
	parts := []string{model, fmt.Sprintf("%d cores", runtime.NumCPU())}
	if kb, err := strconv.ParseFloat(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 64); err == nil {
		parts = append(parts, fmt.Sprintf("%.1f GiB", kb/(1<<20)))
	}
	system := runtime.GOOS
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		system = "Linux " + strings.TrimSpace(string(release))
	}
	parts = append(parts, system)
	if load, err := os.ReadFile("/proc/loadavg"); err == nil { // other load on the machine makes the results less reliable
		minute, _, _ := strings.Cut(string(load), " ")
		parts = append(parts, "load average "+minute+" before")
	}
	return strings.Join(parts, ", ")
}

// procField returns the first value of a "name : value" file, or "" when there is none.
func procField(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// describeServer returns the version from GET /version.
func describeServer(ctx context.Context, base string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var v map[string]any
	if err := getJSON(ctx, client, base+"/version", &v); err != nil {
		return "", fmt.Errorf("version of %s: %w", base, err)
	}
	var parts []string
	for _, name := range []string{"version", "revision", "commit", "go", "go_version"} {
		if value, ok := v[name].(string); ok && value != "" {
			parts = append(parts, value)
		}
	}
	return strings.Join(parts, ", "), nil
}
