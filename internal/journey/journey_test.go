package journey_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
)

type publisherFunc func(context.Context, chat.Message) error

func (f publisherFunc) Publish(ctx context.Context, m chat.Message) error { return f(ctx, m) }

type appenderFunc func(context.Context, []chat.Message) (chat.Appended, error)

func (f appenderFunc) Append(ctx context.Context, b []chat.Message) (chat.Appended, error) {
	return f(ctx, b)
}

type announcerFunc func(context.Context, []chat.Message) error

func (f announcerFunc) Announce(ctx context.Context, b []chat.Message) error { return f(ctx, b) }

func TestAccept_CompletesAndStampsWhatItPublishes(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6789, time.FixedZone("", 3600))
	var published chat.Message
	a := journey.Accept{
		Now:    func() time.Time { return now },
		Broker: publisherFunc(func(_ context.Context, m chat.Message) error { published = m; return nil }),
	}
	m, err := a.Accept(t.Context(), chat.Message{ClientID: "\u3000ann ", Msg: " hi ", Seq: 9, StoredAt: now})
	if err != nil {
		t.Fatalf("Accept: %v", err)
	}
	if m != published {
		t.Errorf("answered %+v, published %+v", m, published)
	}
	want := chat.Message{
		ID: m.ID, Room: chat.DefaultRoom, ClientID: "ann", Msg: " hi ", SentAt: time.Date(2026, 1, 2, 2, 4, 5, 6000, time.UTC),
	}
	if m != want {
		t.Errorf("got %+v, want %+v", m, want)
	}
	if _, err := chat.ParseID(m.ID); err != nil || m.ID[14] != '7' {
		t.Errorf("the id that was made is %q, want a version 7 UUID", m.ID)
	}
}

func TestAccept_KeepsTheSendersIDInCanonicalForm(t *testing.T) {
	a := journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error { return nil })}
	m, err := a.Accept(t.Context(), chat.Message{
		ID: "0192F0C1-5A2B-7C3D-8E4F-5A6B7C8D9E0F", Room: "a", ClientID: "ann", Msg: "hi",
	})
	if want := "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"; err != nil || m.ID != want {
		t.Errorf("got id %q (%v), want %q", m.ID, err, want)
	}
}

func TestAccept_PublishesNothingInvalid(t *testing.T) {
	a := journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error {
		t.Error("an invalid message was published")
		return nil
	})}
	_, err := a.Accept(t.Context(), chat.Message{ID: "7", ClientID: "ann", Msg: "hi"})
	if errs.CodeOf(err) != errs.Invalid {
		t.Errorf("got %v, want class %s", err, errs.Invalid)
	}
}

func TestAccept_FailsWhenTheBrokerDoesNotConfirm(t *testing.T) {
	cause := &errs.Error{Code: errs.Unavailable, Msg: "no"}
	a := journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error { return cause })}
	if _, err := a.Accept(t.Context(), chat.Message{ClientID: "ann", Msg: "hi"}); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}

func TestPersist_StoresThenAnnouncesWhatTheStoreReturned(t *testing.T) {
	batch := []chat.Message{{ID: "x"}, {ID: "y"}}
	var steps []string
	p := journey.Persist{
		Store: appenderFunc(func(_ context.Context, b []chat.Message) (chat.Appended, error) {
			steps = append(steps, "store")
			stored := slices.Clone(b)
			for i := range stored {
				stored[i].Seq = int64(i + 1)
			}
			return chat.Appended{Messages: stored, Fresh: 2}, nil
		}),
		Broker: announcerFunc(func(_ context.Context, b []chat.Message) error {
			steps = append(steps, "announce")
			if len(b) != 2 || b[0].Seq != 1 || b[1].Seq != 2 {
				t.Errorf("announced %+v", b)
			}
			return nil
		}),
	}
	if err := p.Persist(t.Context(), batch); err != nil {
		t.Fatalf("Persist: %v", err)
	}
	if !slices.Equal(steps, []string{"store", "announce"}) {
		t.Errorf("steps: %v", steps)
	}
}

func TestPersist_FailsUnlessBothStepsSucceed(t *testing.T) {
	cause := errors.New("no")
	ok := appenderFunc(func(_ context.Context, b []chat.Message) (chat.Appended, error) {
		return chat.Appended{Messages: b, Conflicts: []int{0}}, nil
	})
	failing := journey.Persist{Store: ok, Broker: announcerFunc(func(context.Context, []chat.Message) error { return cause })}
	if err := failing.Persist(t.Context(), make([]chat.Message, 1)); !errors.Is(err, cause) {
		t.Errorf("the announcement failed: got %v", err)
	}
	failing = journey.Persist{
		Store: appenderFunc(func(context.Context, []chat.Message) (chat.Appended, error) { return chat.Appended{}, cause }),
		Broker: announcerFunc(func(context.Context, []chat.Message) error {
			t.Error("announced messages that are not stored")
			return nil
		}),
	}
	if err := failing.Persist(t.Context(), make([]chat.Message, 1)); !errors.Is(err, cause) {
		t.Errorf("the store failed: got %v", err)
	}
}

// TestPersist_NamesConflictsAfterItHasAnnouncedAll appends a batch with two conflicts: all of it is announced, once, and the error
// names these two.
func TestPersist_NamesConflictsAfterItHasAnnouncedAll(t *testing.T) {
	announced := 0
	p := journey.Persist{
		Store: appenderFunc(func(_ context.Context, b []chat.Message) (chat.Appended, error) {
			return chat.Appended{Messages: b, Fresh: 3, Conflicts: []int{1, 4}}, nil
		}),
		Broker: announcerFunc(func(_ context.Context, b []chat.Message) error {
			announced += len(b)
			return nil
		}),
	}
	err := p.Persist(t.Context(), make([]chat.Message, 5))
	conflicts, ok := errors.AsType[*chat.ConflictsError](err)
	if !ok || !slices.Equal(conflicts.Indexes, []int{1, 4}) || announced != 5 {
		t.Errorf("got %v after %d announcements, want the conflicts 1 and 4 after 5", err, announced)
	}
}
