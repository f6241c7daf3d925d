package postgres

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"restante/internal/errs"
)

// TestLogin_ReadsThePasswordOfNow changes the password between two connections.
func TestLogin_ReadsThePasswordOfNow(t *testing.T) {
	password, failed := "first", error(nil)
	d := &Driver{cfg: Config{Password: func() (string, error) { return password, failed }}}
	c, err := pgx.ParseConfig("postgres://ann@127.0.0.1:1/d")
	if err != nil {
		t.Fatal(err)
	}
	for _, password = range []string{"first", "second"} {
		if err := d.login(t.Context(), c); err != nil || c.Password != password {
			t.Errorf("%s: %q, %v", password, c.Password, err)
		}
	}
	failed = io.ErrUnexpectedEOF
	if err := d.login(t.Context(), c); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

func TestWithoutSecrets_ShowsNoPassword(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://u:marker@h:x/d":             "it is not a URL",
		"postgres://u:mar%20ker@h/d?sslmode=no": "mar ker is wrong",
		"postgres://u@h/d?password=mar ker":     "mar ker is wrong",
		"postgres://u:other@h/d":                "",
	} {
		got := withoutSecrets(address, errors.New("mar ker is wrong")).Error()
		if strings.Contains(got, "mar") != (want == "") {
			t.Errorf("%s: %s", address, got)
		}
	}
}
