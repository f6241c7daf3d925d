package hub

import (
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/chat"
)

type metrics struct {
	delivered      prometheus.Counter
	fallenBehind   prometheus.Counter
	pageReads      prometheus.Counter
	deliverSeconds prometheus.Histogram
	resyncs        prometheus.Counter
	roomsBehind    prometheus.Counter
	roomsUnheard   prometheus.Counter
	doubts         *prometheus.CounterVec
	resets         *prometheus.CounterVec
}

// gauges are read when the metrics are.
type gauges struct{ lag, rooms, streams func() float64 }

func newMetrics(reg prometheus.Registerer, g gauges) *metrics {
	m := &metrics{
		delivered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_delivered_total", Help: "Messages written to readers, counted once per reader.",
		}),
		fallenBehind: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_readers_fallen_behind_total",
			Help: "Times a connection began to catch up: it joined with an old cursor, or was slow.",
		}),
		pageReads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_catchup_reads_total", Help: "Pages of history read from the store for readers that were behind.",
		}),
		deliverSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "restante_deliver_seconds",
			Help:    "From accepting the newest message of a pass to the end of that pass over its level readers.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		resyncs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_hub_resyncs_total",
			Help: "Times all open rooms were compared with the store, because announcements may have been lost.",
		}),
		roomsBehind: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_hub_resync_rooms_behind_total", Help: "Rooms that were found behind the store in a comparison, and were still behind a second later.",
		}),
		roomsUnheard: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_hub_rooms_unheard_total",
			Help: "Rooms that were behind the store again within a minute, although nothing had said that announcements may be lost.",
		}),
		doubts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_hub_doubts_total",
			Help: "Times the hub dropped what it keeps of the rooms and asked the store which epoch it is in, because of a message of another epoch (announcement), or because the store had fewer messages than were announced (numbers).",
		}, []string{"why"}),
		resets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_hub_resets_total",
			Help: "Readers that did not go on where their cursor was and were told so: it was of another epoch (epoch), or its messages have been removed (floor).",
		}, []string{"reason"}),
	}
	for _, why := range []string{doubtAnnouncement, doubtNumbers} {
		m.doubts.WithLabelValues(why)
	}
	for _, reason := range []chat.Reason{chat.ReasonEpoch, chat.ReasonFloor} {
		m.resets.WithLabelValues(string(reason))
	}
	if reg != nil {
		reg.MustRegister(m.delivered, m.fallenBehind, m.pageReads, m.deliverSeconds, m.resyncs,
			m.roomsBehind, m.roomsUnheard, m.doubts, m.resets,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "restante_slowest_reader_lag_messages", Help: "How many messages the slowest reader is behind.",
			}, g.lag),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "restante_open_rooms", Help: "Rooms that have readers on this node.",
			}, g.rooms),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "restante_event_streams", Help: "Open event streams (GET /rooms/{room}/events) of this node.",
			}, g.streams))
	}
	return m
}

// countReset counts what a reader is told; nil is nothing.
func (m *metrics) countReset(r *chat.Reset) {
	if r != nil {
		m.resets.WithLabelValues(string(r.Reason)).Inc()
	}
}
