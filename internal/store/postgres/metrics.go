package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// registerMetrics registers the state of the pool and of the filters, which is read at each scrape.
func registerMetrics(reg prometheus.Registerer, d *Driver) {
	if reg == nil {
		return
	}
	pool := d.pool
	gauge := func(name, help string, value func(*pgxpool.Stat) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(pool.Stat()) })
	}
	counter := func(name, help string, value func(*pgxpool.Stat) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return value(pool.Stat()) })
	}
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "restante_postgres_filter_bytes", Help: "Memory of the filters that say in which segments of the log an id may stand.",
		}, d.filterBytes),
		gauge("restante_postgres_connections_in_use", "Connections that work for an operation now.",
			func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) }),
		gauge("restante_postgres_connections_idle", "Open connections that wait for work.",
			func(s *pgxpool.Stat) float64 { return float64(s.IdleConns()) }),
		gauge("restante_postgres_connections_max", "Connections that this node opens at most.",
			func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) }),
		counter("restante_postgres_connects_total", "Connections that were opened, or tried to be.",
			func(s *pgxpool.Stat) float64 { return float64(s.NewConnsCount()) }),
		counter("restante_postgres_connection_waits_total", "Operations that waited for a connection, all being in use or none open.",
			func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) }),
		counter("restante_postgres_connection_wait_seconds_total", "Time that those operations waited.",
			func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() }),
	)
}
