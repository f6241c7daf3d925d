package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/config"
)

// TestValues_AreTheSameEverywhere gives each text as an argument of its own, behind an equals sign, in the environment and in a file.
func TestValues_AreTheSameEverywhere(t *testing.T) {
	for _, tc := range []struct {
		flag, text string
		want       any // an error contains it, if it is a text
	}{
		{"limit-sends", "-1", -1},
		{"limit-sends", "7", 7},
		{"limit-sends", "010", 10},
		{"limit-sends", "0", 0},
		{"limit-requests", "-1", -1},
		{"limit-connections", "-1", -1},
		{"limit-connections-per-address", "-1", -1},
		{"limit-connections-per-client", "-1", -1},
		{"limit-rooms", "-1", -1},
		{"limit-sends", "1_000", "is not a whole number"},
		{"limit-sends", "0x10", "is not a whole number"},
		{"limit-sends", "1e3", "is not a whole number"},
		{"limit-sends", "1.0", "is not a whole number"},
		{"limit-sends", "1k", "is not a whole number"},
		{"limit-sends", "true", "is not a whole number"},
		{"limit-sends", "-1x", "is not a whole number"},
		{"limit-sends", "99999999999999999999", "is not a whole number"},
		{"limit-catch-ups", "-1", "--limit-catch-ups: -1 is not between"},
		{"partitions", "-1", "--partitions: -1 is not between"},
		{"limit-memory", "-1", "is not an amount of memory"},
		{"limit-memory", "16777216", config.Bytes(16 << 20)},
		{"jwt-leeway", "90s", 90 * time.Second},
		{"drain", "1d", 24 * time.Hour},
		{"drain", "1d12h", 36 * time.Hour},
		{"drain", "0.5w", 84 * time.Hour},
		{"drain", "1w", 168 * time.Hour},
		{"drain", "10", "is not a duration"},
		{"drain", "soon", "is not a duration"},
		{"drain", "-1s", "--drain: -1s is not a time to wait"},
		{"drain-delay", "-1s", "--drain-delay: -1s is not between"},
		{"drain-delay", "1s", time.Second},
	} {
		env := "RESTANTE_" + strings.ToUpper(strings.ReplaceAll(tc.flag, "-", "_"))
		for how, parse := range map[string]func(t *testing.T) (config.Config, error){
			"as an argument": func(t *testing.T) (config.Config, error) { return parse(t, "serve", "--"+tc.flag, tc.text) },
			"behind a =":     func(t *testing.T) (config.Config, error) { return parse(t, "serve", "--"+tc.flag+"="+tc.text) },
			"in a file": func(t *testing.T) (config.Config, error) {
				return parse(t, "serve", "--config", writeFile(t, tc.flag+": "+tc.text))
			},
			"quoted in a file": func(t *testing.T) (config.Config, error) {
				return parse(t, "serve", "--config", writeFile(t, tc.flag+": '"+tc.text+"'"))
			},
			"in the environment": func(t *testing.T) (config.Config, error) { t.Setenv(env, tc.text); return parse(t, "serve") },
		} {
			t.Run(tc.flag+" "+tc.text+" "+how, func(t *testing.T) {
				c, err := parse(t)
				if want, refused := tc.want.(string); refused {
					if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--"+tc.flag) {
						t.Errorf("%v, want %q", err, want)
					}
					return
				}
				got := map[string]any{
					"limit-sends": c.Limit.Sends, "limit-requests": c.Limit.Requests, "limit-connections": c.Limit.Connections,
					"limit-connections-per-address": c.Limit.ConnectionsPerAddress, "limit-connections-per-client": c.Limit.ConnectionsPerClient,
					"limit-rooms": c.Limit.Rooms, "limit-memory": c.Limit.Memory, "jwt-leeway": c.JWT.Leeway, "drain": c.Drain,
				}[tc.flag]
				if c.DrainDelay != nil && tc.flag == "drain-delay" {
					got = *c.DrainDelay
				}
				if tc.flag == "jwt-leeway" { // it is refused without tokens
					err = nil
				}
				if err != nil || got != tc.want {
					t.Errorf("%v (%v), want %v", got, err, tc.want)
				}
			})
		}
	}
}

func TestValues_AFlagIsNoNumber(t *testing.T) {
	for _, args := range [][]string{
		{"--limit-sends", "--drain", "1s"}, {"--limit-sends"}, {"--limit-sends", "-x"}, {"--drain", "--limit-sends"}, {"--drain"}, {"--limit-memory", "--drain", "1s"}, {"--limit-sends", "-"},
	} {
		if _, err := parse(t, append([]string{"serve"}, args...)...); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestValues_TextsAreTakenByteForByte(t *testing.T) {
	raw := strings.Repeat("\xe9\x80", 20)
	t.Setenv("RESTANTE_JWT_SECRET", raw)
	c, err := parse(t, "serve", "--auth", "jwt", "--data", "/tmp/caf\xe9", "--jwt-issuer", "\xff<&>")
	if err != nil || !slices.Equal(c.JWT.Secret, config.Secrets{raw}) || c.Data != "/tmp/caf\xe9" || c.JWT.Issuer != "\xff<&>" {
		t.Errorf("%q %q %+v, %v", []string(c.JWT.Secret), c.Data, c, err)
	}
	if c, err := parse(t, "serve", "--auth", "jwt", "--data", "data"); err != nil || !strings.HasSuffix(c.Data, "/internal/config/data") {
		t.Errorf("a relative name: %q, %v", c.Data, err)
	}
}

func TestFile_HasTexts(t *testing.T) {
	digits := strings.Repeat("0471", 9)
	c, err := parse(t, "serve", "--config", writeFile(t, "auth: jwt\njwt-secret: "+digits+"\njwt-issuer: 2026-01-02\njwt-audience: &who chat\nacme-email: null\nlog-format: text\ndata: *who\n"))
	if err != nil || !slices.Equal(c.JWT.Secret, config.Secrets{digits}) || c.JWT.Issuer != "2026-01-02" || c.JWT.Audience != "chat" || !strings.HasSuffix(c.Data, "/chat") || c.ACME.Email != "" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, content := range []string{"data: {a: b}", "data: [[a]]", "cors-origin: [null]", "data: !!binary aGk="} {
		if _, err := parse(t, "serve", "--config", writeFile(t, content)); err == nil || !strings.Contains(err.Error(), "must be a text, or a list of texts") {
			t.Errorf("%s: %v", content, err)
		}
	}
}
