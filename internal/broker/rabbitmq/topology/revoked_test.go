package topology

import (
	"encoding/json"
	"testing"
	"time"

	"restante/internal/revocation"
)

// TestRecord_KeepsWhatIsRevoked: the record comes back as it was written, and one of a version before has nothing revoked.
func TestRecord_KeepsWhatIsRevoked(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	want := revocation.Summary{More: true, Entries: []revocation.Entry{{Key: revocation.Key{Kind: revocation.JTI, Name: "7"}, Until: at, At: at}}}
	body, err := json.Marshal(Record{Version: 3, Partitions: 8, Made: true, Revoked: want})
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseRecord(body)
	if err != nil || !got.Revoked.Equal(want) || len(got.others) != 0 {
		t.Errorf("%s became %+v, %v", body, got, err)
	}
	before, err := parseRecord([]byte(`{"version":3,"partitions":8,"made":true}`))
	if err != nil || !before.Revoked.IsZero() {
		t.Errorf("%+v, %v", before, err)
	}
	if body, err := json.Marshal(before); err != nil || string(body) != `{"version":3,"partitions":8,"made":true}` {
		t.Errorf("%s, %v", body, err)
	}
}
