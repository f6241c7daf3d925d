package api

import (
	"net/http"
	"testing"

	"restante/internal/chat"
)

// EventSource packages come back with the id of the last event in a header or in the query, under several names, and repeat the
// URL that the page has written. What they add goes first.
func TestStreamRoom_ResumesInEverySpelling(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 10)
	srv := serving(t, s)
	for _, tt := range []struct {
		query  string
		header []string
		first  int64
	}{
		{"after=0", nil, 1},
		{"lastEventId=5", nil, 6},
		{"after=0&lastEventId=5", nil, 6},                // event-source-polyfill
		{"after=0&rev=3&epoch=e1&lastEventId=5", nil, 6}, // the epoch is the one of after
		{"lastEventId=5.7", nil, 6},
		{"&lastEventId=5", nil, 6},              // the polyfill has removed an older one
		{"lastEventId=2&lastEventId=5", nil, 6}, // reconnecting-eventsource appends
		{"after=0&lastEventID=5", nil, 6},       // clients of Mercure
		{"after=0&Last-Event-ID=5", nil, 6},     // the same, and the polyfill with another name
		{"after=0&Last-Event-Id=5", nil, 6},
		{"after=0&evs_last_event_id=5&evs_buffer_size_limit=262144&evs_preamble=2056", nil, 6}, // eventsource-polyfill
		{"after=0&lastEventId=5&padding=true", nil, 6},
		{"after=0&ngsw-bypass&lastEventId=5", nil, 6},
		{"access_token=x&lastEventId=5", nil, 6},
		{"lastEventId=7&Last-Event-ID=5", nil, 6},
		{"", []string{"5"}, 6},
		{"after=0", []string{"5"}, 6},
		{"after=0&lastEventId=2", []string{"5"}, 6}, // a native EventSource inside reconnecting-eventsource
		{"after=0", []string{"2, 5"}, 6},            // fetch-event-source, when the page has set the header, too
		{"after=0", []string{"2,5"}, 6},
		{"after=0", []string{"2", "5"}, 6},
		{"after=0&lastEventId=0", nil, 1},
		{"after=3&lastEventId=0", nil, 1},
	} {
		if got := resume(t, srv.URL, tt.query, tt.header...); got.status != 200 || got.first != tt.first {
			t.Errorf("%q, header %q: %+v, want %d", tt.query, tt.header, got, tt.first)
		}
	}
	for _, tt := range []struct {
		query  string
		header []string
		field  string
	}{
		{"lastEventId=x", nil, "lastEventId"},
		{"lastEventId=11", nil, "lastEventId"},
		{"after=0&Last-Event-ID=-1", nil, "lastEventId"},
		{"lastEventId=5%3B", nil, "lastEventId"},
		{"lastEventId=5&lastEventId=x", nil, "lastEventId"},
		{"lastEventId=x&epoch=e1", []string{"5"}, "epoch"},
		{"lastEventId=x", []string{"5"}, "lastEventId"}, // also what would not be used
		{"after=x&lastEventId=5", nil, "after"},
		{"after=0", []string{"5, x"}, "Last-Event-ID"},
		{"after=0", []string{"11"}, "Last-Event-ID"},
		{"after=11", nil, "after"},
	} {
		if got := resume(t, srv.URL, tt.query, tt.header...); got.status != 422 || got.field != tt.field {
			t.Errorf("%q, header %q: %+v, want a refusal of %s", tt.query, tt.header, got, tt.field)
		}
	}
}

// resume opens the stream with lines of Last-Event-ID, and reads its first message.
func resume(t *testing.T, base, query string, ids ...string) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/rooms/lobby/events?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		r.Header.Add("Last-Event-ID", id)
	}
	return firstOf(t, r)
}

// An id in the query is of the same epoch as one in the header.
func TestStreamRoom_AnIdInTheQueryHasItsEpoch(t *testing.T) {
	srv := serving(t, beenBack(t))
	for query, tt := range map[string]struct {
		first int64
		reset *chat.Reset
	}{
		"after=3&lastEventId=10":                                            {7, wantReset(chat.ReasonEpoch, 6, 0)}, // without an epoch it is of the first one
		"after=3&lastEventId=10%3B" + epochIDs[1]:                           {9, wantReset(chat.ReasonEpoch, 8, 0)},
		"after=3&epoch=" + epochIDs[0] + "&lastEventId=10%3B" + epochIDs[2]: {11, nil},
		"lastEventId=10;" + epochIDs[2]:                                     {11, nil},
	} {
		got := resume(t, srv.URL, query)
		if got.status != 200 || got.first != tt.first {
			t.Errorf("%s: %+v", query, got)
		}
		sameReset(t, query, got.reset, tt.reset)
	}
}
