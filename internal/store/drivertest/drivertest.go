// Package drivertest is the specification of a store driver as tests: a driver that passes Run keeps the promises of
// driver.Driver, and with them the promises of the journey that rest on the store.
package drivertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// Harness connects the suite to a driver.
type Harness struct {
	// Open returns a driver over a new, empty database that stamps with the clock now. The harness closes the driver at
	// the end of the test.
	Open func(t *testing.T, now func() time.Time) driver.Driver
	// Reopen closes d and returns another driver over the same data.
	Reopen func(t *testing.T, d driver.Driver, now func() time.Time) driver.Driver
	// Break makes every write of d fail until repair is called. If it is nil, the tests of failure and recovery are skipped.
	Break func(t *testing.T, d driver.Driver) (repair func())
	// EndEpoch ends the present epoch of d with a reason, and returns a driver over the same data that works in the next one: d,
	// or another one if d had to be closed.
	EndEpoch func(t *testing.T, d driver.Driver, now func() time.Time, reason string) driver.Driver
	// RemoveOldest removes the messages of a room up to a number from the database of d, and leaves the room's counter.
	RemoveOldest func(t *testing.T, d driver.Driver, room string, upTo int64)
	// NoPartitions says that the driver is of one machine, which ignores the origins of messages.
	NoPartitions bool
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, c := range slices.Concat(ofEpochs(), ofOnce(), []test{
		{"Append_NumbersWithoutGaps", testNumbers},
		{"Append_EmptyBatch", testEmptyBatch},
		{"Append_RepeatConsumesNoNumber", testRepeatConsumesNoNumber},
		{"Append_InvalidStoresNothing", testInvalidStoresNothing},
		{"Append_DoesNotTouchItsArgument", testArgument},
		{"Append_Cancelled", testCancelled},
		{"Append_ConcurrentDense", testConcurrent},
		{"Append_OriginOfALaterGeneration", testOrigin},
		{"Append_OriginsInOneBatch", testOriginsInOneBatch},
		{"Append_OriginsConcurrently", testOriginsConcurrently},
		{"StoredAt_StrictlyIncreasing", testStoredAt},
		{"StoredAt_ClockStepsBack", testClockStepsBack},
		{"SeqAt_Bounds", testSeqAt},
		{"SeqAt_TruncatedNeverSkips", testSeqAtTruncated},
		{"SeqAt_PageBorders", testSeqAtPages},
		{"Page_BothWays", testPages},
		{"Page_Limits", testLimits},
		{"Page_TextKeptExactly", testTexts},
		{"Page_Cancelled", testReadCancelled},
		{"Page_FixedBorders", testPageBorders},
		{"Page_LastOneGrows", testPageGrows},
		{"Page_BelowTheFloor", testPageBelowTheFloor},
		{"Page_Nowhere", testPageNowhere},
		{"Room_State", testRoom},
		{"Rooms_Paged", testRooms},
		{"Rooms_BetweenTwoTexts", testRoomsBetween},
		{"Rooms_OfPrefixes", testRoomsOfPrefixes},
		{"RoomsNamed_ThoseThatExist", testRoomsNamed},
		{"LastSeqs_InOrderOfTheNames", testLastSeqs},
		{"LastSeqs_ManyRooms", testLastSeqsOfMany},
		{"Restore_KeepsNumbersAndTimes", testRestore},
		{"Restore_Resumes", testRestoreResumes},
		{"Restore_ConflictStoresNothing", testRestoreConflict},
		{"Restore_AppendGoesOn", testRestoreAppend},
		{"Restore_WhileAppending", testRestoreConcurrently},
		{"Names_OfEveryVersion", testNames},
		{"Switches_OfANewStore", testSwitchesOfNewStore},
		{"SwitchOn_OnceAndForGood", testSwitchOn},
		{"SwitchOn_Concurrently", testSwitchOnConcurrently},
		{"Revoke_MergesAndNumbers", testRevoke},
		{"Revoke_Concurrently", testRevokeConcurrently},
		{"Revoke_RemovesWhatHasExpired", testRevokeExpires},
		{"Restart_KeepsEverything", testRestart},
		{"Restart_RepeatAndClock", testRestartRepeat},
		{"Check_Healthy", testCheck},
		{"Close_RefusesLaterCalls", testClose},
		{"Close_WaitsForAppends", testCloseUnderLoad},
		{"Failure_RefusesAndRecovers", testRecovery},
		{"Failure_CheckRecoversByItself", testCheckRecovers},
		{"Model_Agrees", testModel},
	}) {
		t.Run(c.name, func(t *testing.T) { c.run(t, h) })
	}
}

type test struct {
	name string
	run  func(*testing.T, Harness)
}

// ofEpochs returns the tests of stores that have gone back, of rooms whose oldest messages were removed, and of limits in bytes.
func ofEpochs() []test {
	return []test{
		{"Epoch_StaysOverARestart", testEpochStays},
		{"Epoch_OfMessagesAndRooms", testEpochOfAnswers},
		{"Epoch_Ends", testEpochEnds},
		{"Beginning_LeastOfLaterEpochs", testBeginning},
		{"RestoreEpochs_GoesOnAsTheOtherStore", testRestoreEpochs},
		{"RestoreEpochs_ConflictChangesNothing", testRestoreEpochsConflict},
		{"RestoreRoom_GoesOnAfterTheFloor", testRestoreRoom},
		{"Floor_OldestMessagesRemoved", testFloor},
		{"Floor_AllMessagesRemoved", testAllRemoved},
		{"Bytes_AfterAndBefore", testBytes},
		{"Bytes_LongAndShortMessages", testMixedBytes},
	}
}

// clock is a clock that stands still until it is set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 14, 15, 9, 26, 535_897_932, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// message returns a message with a new id that is ready to be stored.
func message(room, text string) chat.Message {
	return chat.Message{
		ID: uuid.NewString(), Room: room, ClientID: "ann", Msg: text,
		SentAt: time.Date(2026, 3, 14, 15, 9, 26, 123_456_000, time.UTC),
	}
}

func messages(room string, n int) []chat.Message {
	batch := make([]chat.Message, n)
	for i := range batch {
		batch[i] = message(room, fmt.Sprintf("text %d", i))
	}
	return batch
}

// put appends a batch that must be stored, and checks that each returned message has the room, sender and id that was sent.
func put(t testing.TB, d driver.Driver, batch ...chat.Message) driver.Appended {
	t.Helper()
	done, err := d.Append(t.Context(), batch)
	if err != nil {
		t.Fatalf("append %d messages: %v", len(batch), err)
	}
	if len(done.Messages) != len(batch) {
		t.Fatalf("append %d messages: %d came back", len(batch), len(done.Messages))
	}
	for i, m := range done.Messages {
		if keyOf(m) != keyOf(batch[i]) {
			t.Fatalf("message %d of the batch: came back as %+v, want %+v", i, keyOf(m), keyOf(batch[i]))
		}
	}
	return done
}

// log reads a whole room, page by page, and checks that its numbers are dense and its times rise.
func log(t testing.TB, d driver.Driver, room string) []chat.Message {
	t.Helper()
	var all []chat.Message
	for {
		page, err := d.After(t.Context(), room, int64(len(all)), chat.MaxPage)
		if err != nil {
			t.Fatalf("read %q: %v", room, err)
		}
		if len(page) == 0 {
			return all
		}
		for _, m := range page {
			if m.Seq != int64(len(all))+1 || m.Room != room {
				t.Fatalf("%q: number %d follows %d", m.Room, m.Seq, len(all))
			}
			if len(all) > 0 && !m.StoredAt.After(all[len(all)-1].StoredAt) {
				t.Fatalf("%q: number %d is stored at %v, the one before at %v", room, m.Seq, m.StoredAt, all[len(all)-1].StoredAt)
			}
			all = append(all, m)
		}
	}
}

// same checks that two logs are equal in everything that a store keeps of messages, times down to the microsecond and in UTC.
func same(t testing.TB, what string, got, want []chat.Message) {
	t.Helper()
	got, want = kept(got), kept(want)
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%s: got %d messages, want %d", what, len(got), len(want))
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: message %d differs:\n got %+v\nwant %+v", what, i, got[i], want[i])
		}
	}
	t.FailNow()
}

// kept returns a copy of a log without what only answers say: the epochs, and whose ids were taken.
func kept(log []chat.Message) []chat.Message {
	log = slices.Clone(log)
	for i := range log {
		log[i] = asRead(log[i])
		log[i].Epoch = ""
	}
	return log
}

// asRead returns a message of an append as a read returns it.
func asRead(m chat.Message) chat.Message {
	m.IDTaken = false
	return m
}

func epochOf(t testing.TB, d driver.Driver) chat.Epoch {
	t.Helper()
	e, err := d.Epoch()
	if err != nil {
		t.Fatalf("read the present epoch: %v", err)
	}
	return e
}

func canceled(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
