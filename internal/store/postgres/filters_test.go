package postgres

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/idfilter"
	"restante/internal/testkit"
)

// toSegment lets the next text have the first number of a segment.
func toSegment(t *testing.T, database string, segment int) {
	t.Helper()
	shell(t, database, fmt.Sprintf("SELECT setval('restante.numbers', %d, false)", max(segment<<idfilter.SegmentBits, 1)))
}

// sealAll makes and reads the filters of all segments that are sealed.
func sealAll(t *testing.T, d *Driver) {
	t.Helper()
	tm, err := d.present()
	if err != nil {
		t.Fatal(err)
	}
	var h horizon
	for more := true; more; {
		if more, err = d.sealNext(t.Context(), tm, &h); err != nil {
			t.Fatal(err)
		}
	}
}

// complete returns how many segments a driver knows the filters of.
func complete(t *testing.T, d *Driver) int {
	t.Helper()
	tm, err := d.present()
	if err != nil {
		t.Fatal(err)
	}
	return tm.filters.Load().Complete()
}

// repeated checks that messages which are stored come back as they were, whoever sends them again.
func repeated(t *testing.T, d *Driver, stored []chat.Message) {
	t.Helper()
	done, err := d.Append(t.Context(), stored)
	if err != nil || done.Fresh != 0 || len(done.Conflicts) != 0 || fmt.Sprint(done.Messages) != fmt.Sprint(stored) {
		t.Errorf("%d fresh, conflicts %v, %v: %+v\nwant %+v", done.Fresh, done.Conflicts, err, done.Messages, stored)
	}
}

func TestAppend_FindsIdsOfAllSegments(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	var all []chat.Message
	for segment := range 5 {
		toSegment(t, database, segment)
		all = append(all, appendTo(t, d, "a", 3)...)
	}
	repeated(t, d, all) // no filter is known
	sealAll(t, d)
	if n := complete(t, d); n != 4 {
		t.Errorf("the filters of %d segments are known, want 4", n)
	}
	repeated(t, d, all)
	other := open(t, database, Config{})
	repeated(t, other, all)
	eventually(t, func() error { // it reads the filters that the first node has made
		if n := complete(t, other); n != 4 {
			return fmt.Errorf("%d filters", n)
		}
		return nil
	})
	if n := other.filterBytes(); n < 1<<18 {
		t.Errorf("the metric says that filters of four segments take %v bytes", n)
	}
	conflict := all[0]
	conflict.Msg += "!"
	taken := all[4]
	taken.ClientID = "bob"
	for _, node := range []*Driver{d, other} {
		done, err := node.Append(t.Context(), []chat.Message{conflict, taken})
		if err != nil || len(done.Conflicts) != 1 || done.Messages[0] != all[0] || !done.Messages[1].IDTaken {
			t.Errorf("%+v, %v", done, err)
		}
	}
	if n := len(readRoom(t, d, "a")); n != 16 {
		t.Errorf("%d messages, want 16", n)
	}
}

// A segment is not sealed while a transaction runs that may still add to it.
func TestSeal_WaitsForTransactions(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	appendTo(t, d, "a", 1)
	late := newMessages("b", 1)
	conn := connect(t, database)
	e := present(t, d)
	_, err := conn.Exec(t.Context(), fmt.Sprintf(`BEGIN; SELECT restante.append('%s', now(), ARRAY['b'], ARRAY['ann'], ARRAY[1], ARRAY['%s'::uuid], ARRAY[1],
		ARRAY['%s'::bytea], ARRAY[now()], 0, 0, 0, '{}', '{}')`, e.ID, late[0].ID, late[0].Msg))
	if err != nil {
		t.Fatal(err)
	}
	toSegment(t, database, 1)
	appendTo(t, d, "a", 1)
	sealAll(t, d)
	if n := complete(t, d); n != 0 {
		t.Fatalf("%d segments are sealed while a transaction runs that has drawn a number", n)
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { // other databases of the server have transactions, too
		sealAll(t, d)
		if n := complete(t, d); n != 1 {
			return fmt.Errorf("%d segments", n)
		}
		return nil
	})
	if done, err := d.Append(t.Context(), late); err != nil || done.Fresh != 0 {
		t.Errorf("the message of the transaction: %+v, %v", done, err)
	}
}

// Filters of a database are not believed of an older copy of it, in which their segments have not ended.
func TestAppend_DropsTheFiltersOfANewerDatabase(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	appendTo(t, d, "a", 1)
	toSegment(t, database, 3)
	appendTo(t, d, "a", 1)
	eventually(t, func() error {
		sealAll(t, d)
		if n := complete(t, d); n != 3 {
			return fmt.Errorf("%d segments", n)
		}
		return nil
	})
	toSegment(t, database, 1)
	shell(t, database, "DELETE FROM restante.filters WHERE segment > 0; DELETE FROM restante.messages WHERE seq > 1; UPDATE restante.rooms SET last_seq = 1")
	batch := newMessages("a", 2)
	_, err := d.Append(t.Context(), batch)
	wantError(t, err, errs.Unavailable, "is older than")
	if !d.Retryable(err) {
		t.Errorf("%v is not worth a retry", err)
	}
	done, err := d.Append(t.Context(), batch)
	if err != nil || done.Fresh != 2 || complete(t, d) > 1 {
		t.Errorf("%+v, %v with %d filters", done, err, complete(t, d))
	}
	repeated(t, d, done.Messages)
}

// A filter that is damaged or missing is made again from the index.
func TestSeal_MakesDamagedFiltersAgain(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	var all []chat.Message
	for segment := range 3 {
		toSegment(t, database, segment)
		all = append(all, appendTo(t, d, "a", 2)...)
	}
	eventually(t, func() error {
		sealAll(t, d)
		if n := complete(t, d); n != 2 {
			return fmt.Errorf("%d segments", n)
		}
		return nil
	})
	whole := ask[string](t, database, "SELECT string_agg(md5(bits), ',' ORDER BY segment) FROM restante.filters")
	shell(t, database, "UPDATE restante.filters SET bits = set_byte(bits, 77, get_byte(bits, 77) # 1) WHERE segment = 0; DELETE FROM restante.filters WHERE segment = 1")
	other := open(t, database, Config{})
	eventually(t, func() error {
		sealAll(t, other)
		if n := complete(t, other); n != 2 {
			return fmt.Errorf("%d segments", n)
		}
		return nil
	})
	if again := ask[string](t, database, "SELECT string_agg(md5(bits), ',' ORDER BY segment) FROM restante.filters"); again != whole {
		t.Errorf("filters %s, want %s", again, whole)
	}
	repeated(t, other, all)
}

// A restored log is refused for an id that its room has in an old segment.
func TestRestore_FindsIdsOfAllSegments(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	old := appendTo(t, d, "a", 3)
	toSegment(t, database, 2)
	newest := appendTo(t, d, "a", 1)[0]
	for range 2 {
		double := old[1]
		double.Seq, double.StoredAt = 5, newest.StoredAt.Add(1e6)
		err := d.Restore(t.Context(), []chat.Message{double})
		if errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), old[1].ID) {
			t.Errorf("the same id under two numbers: %v", err)
		}
		sealAll(t, d)
	}
	double := old[1]
	double.Seq, double.StoredAt, double.ClientID = 5, newest.StoredAt.Add(1e6), "bob"
	if err := d.Restore(t.Context(), []chat.Message{double}); err != nil {
		t.Errorf("the id of another sender: %v", err)
	}
}

// Probes draw no numbers, so a database that nobody writes to fills no segments.
func TestCheck_DrawsNoNumbers(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	appendTo(t, d, "a", 1)
	before := ask[int64](t, database, "SELECT last_value FROM restante.numbers")
	for range 5 {
		if err := d.probe(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
	if after := ask[int64](t, database, "SELECT last_value FROM restante.numbers"); after != before {
		t.Errorf("number %d after probes, before them %d", after, before)
	}
}

// Eight callers append to the same rooms, each with senders that are new, in batches that name rooms and senders in any order.
func TestAppend_NewSendersOfSharedRooms(t *testing.T) {
	database := testkit.Database(t)
	nodes := []*Driver{open(t, database, Config{}), open(t, database, Config{})}
	var all sync.WaitGroup
	for caller := range 8 {
		all.Go(func() {
			for round := range 30 {
				batch := newMessages("", 12)
				for i := range batch {
					at := (i*5 + caller*7 + round) % 12
					batch[i].Room, batch[i].ClientID = fmt.Sprint("room ", at%4), fmt.Sprint("sender ", round, " ", at)
				}
				done, err := nodes[caller%2].Append(t.Context(), batch)
				if err != nil || done.Fresh != 12 {
					t.Errorf("append: %d fresh, %v", done.Fresh, err)
					return
				}
			}
		})
	}
	all.Wait()
	for room := range 4 {
		readRoom(t, nodes[0], fmt.Sprint("room ", room))
	}
	if n := ask[int](t, database, "SELECT count(*) FROM restante.messages"); n != 8*30*12 {
		t.Errorf("%d messages", n)
	}
}
