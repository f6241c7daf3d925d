package postgres

import (
	"context"
	"testing"

	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// lossy is a judge that ends the epoch when something is missing that it remembers.
func lossy() *judge {
	j := &judge{}
	j.decide = func(ctx context.Context, l driver.Look) (driver.Verdict, error) {
		missing, err := l.Missing(ctx, j.Remembered(l.Epoch.ID, 10))
		if err != nil || len(missing) == 0 {
			return driver.Verdict{}, err
		}
		return driver.Verdict{End: "a test", Missing: missing}, nil
	}
	return j
}

const loseNewest = "DELETE FROM restante.messages WHERE seq > 2; UPDATE restante.rooms SET last_seq = 2"

// Rows vanish from a database that stays what it was: the same server, schema, epoch and mark. A new connection shows that the
// newest message is missing; over a connection that stays, it is found when the driver is asked to look.
func TestCompare_RowsThatVanished(t *testing.T) {
	for name, notice := range map[string]func(t *testing.T, d *Driver, database string){
		"new connections": func(t *testing.T, d *Driver, database string) {
			shell(t, database, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'restante' AND datname = current_database()")
		},
		"asked to look": func(_ *testing.T, d *Driver, _ string) { d.Look() },
	} {
		t.Run(name, func(t *testing.T) {
			database, j := testkit.Database(t), lossy()
			d := judged(t, database, j)
			before := present(t, d)
			newest := appendTo(t, d, "a", 5)[4]
			j.mu.Lock()
			j.of = before.ID
			j.remembers = append(seenOf(newest), driver.Seen{Room: "forged", Seq: 9, ID: "no id"})
			j.mu.Unlock()
			d.Look()
			appendTo(t, d, "b", 1)
			shell(t, database, loseNewest)
			notice(t, d, database)
			eventually(t, func() error {
				if _, entered := j.seen(); len(entered) < 2 {
					return errHeld
				}
				return nil
			})
			after := present(t, d)
			if after.ID == before.ID || after.First {
				t.Errorf("the epoch %+v goes on as %+v", before, after)
			}
			if begins, err := d.Beginning(t.Context(), "a", before.ID); err != nil || begins != 2 {
				t.Errorf("room a begins with %d, %v", begins, err)
			}
			if looks, _ := j.seen(); len(looks) != 2 {
				t.Errorf("%d looks, want one more than at the start", len(looks))
			}
		})
	}
}

// What an announcement of another program names is no reason to look at the database anew.
func TestCompare_ForgedAnnouncements(t *testing.T) {
	database, j := testkit.Database(t), lossy()
	d := judged(t, database, j)
	e := present(t, d)
	j.mu.Lock()
	j.of = e.ID
	j.remembers = []driver.Seen{{Room: "a", Seq: 7, ID: "no id"}}
	j.mu.Unlock()
	shell(t, database, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'restante' AND datname = current_database()")
	eventually(t, func() error { _, err := d.LastSeqs(t.Context(), nil); return err })
	if looks, _ := j.seen(); len(looks) != 1 {
		t.Errorf("%d looks, want the one at the start", len(looks))
	}
}
