package faults

import (
	"fmt"
	"testing"
	"time"

	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// PostgreSQL is killed or frozen: every message is still accepted, and is stored and delivered when PostgreSQL is back.
func TestPostgreSQL_DownAndBack(t *testing.T) {
	for _, tc := range []struct {
		what        string
		lasting     time.Duration
		stop, start func(*testing.T, *nodes.Postgres)
	}{
		{"PostgreSQL killed and restarted", 12 * time.Second, // longer than one attempt to store lasts
			func(_ *testing.T, pg *nodes.Postgres) { pg.Kill() },
			func(t *testing.T, pg *nodes.Postgres) { noError(t, pg.Restart(within(t, limit))) }},
		{"PostgreSQL frozen", 8 * time.Second,
			func(_ *testing.T, pg *nodes.Postgres) { pg.Pause() },
			func(_ *testing.T, pg *nodes.Postgres) { pg.Resume() }},
	} {
		t.Run(tc.what, func(t *testing.T) {
			t.Parallel()
			pg := testkit.OwnPostgres(t)
			store, err := pg.Database(t.Context(), "restante")
			noError(t, err)
			c := cluster{testkit.Cluster{Broker: testkit.VHost(t), Store: store}, t}
			servers := c.nodes(2, allRoles)
			edge := balancer(t, servers...).URL()
			w := startWork(t, workConfig{Post: edge, Read: edge, Timeout: 5 * time.Second})
			f := follow(t, w, servers...)
			began := time.Now()
			tc.stop(t, pg)
			lasting := tc.lasting
			if testkit.Long() {
				lasting *= 5
			}
			for down := within(t, lasting); down.Err() == nil; {
				w.accept(10)
			}
			if status := servers[0].Ready(); status != 200 {
				t.Errorf("/readyz is %d, want 200: taking the node out of service would not help", status)
			}
			tc.start(t, pg)
			what := fmt.Sprintf("%s, unavailable for %v", tc.what, time.Since(began).Round(time.Millisecond))
			w.flow(100)
			f.stop()
			w.check(what)
			if a := w.answers(); len(a) != 1 || a[202] == 0 {
				t.Errorf("answers %v, want only 202", a)
			}
		})
	}
}
