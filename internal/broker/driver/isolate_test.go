package driver_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"restante/internal/broker/driver"
	"restante/internal/chat"
	"restante/internal/errs"
)

// batchOf returns messages that are named by their texts.
func batchOf(texts ...string) []chat.Message {
	batch := make([]chat.Message, len(texts))
	for i, text := range texts {
		batch[i].Msg = text
	}
	return batch
}

// handlerOf returns a handler for which some texts are conflicts or invalid, and that fails with err for the text "down". It adds
// the size of each batch to sizes.
func handlerOf(sizes *string, err error) driver.Handler {
	return func(_ context.Context, batch []chat.Message) error {
		*sizes += " " + strconv.Itoa(len(batch))
		var conflicts []int
		for i := range batch {
			switch batch[i].Msg {
			case "invalid":
				return errs.Field("msg", "cannot be stored")
			case "down":
				return err
			case "conflict":
				conflicts = append(conflicts, i)
			}
		}
		return (&chat.Appended{Messages: batch, Conflicts: conflicts}).Err()
	}
}

func TestIsolate_GivesEachMessageItsResult(t *testing.T) {
	down := &errs.Error{Code: errs.Unavailable, Msg: "not now"}
	invalid := errs.Field("msg", "cannot be stored")
	for name, c := range map[string]struct {
		batch []chat.Message
		want  []error
		sizes string
	}{
		"all are done":                {batchOf("a", "b"), []error{nil, nil}, " 2"},
		"conflicts split nothing":     {batchOf("a", "conflict", "b", "conflict"), []error{nil, chat.ErrConflict, nil, chat.ErrConflict}, " 4"},
		"a conflict alone":            {batchOf("conflict"), []error{chat.ErrConflict}, " 1"},
		"a conflict beside a bad one": {batchOf("conflict", "invalid", "a"), []error{chat.ErrConflict, invalid, nil}, " 3 1 1 1"},
		"it cannot be done now":       {batchOf("conflict", "down", "a"), []error{down, down, down}, " 3"},
		"it cannot be done any more":  {batchOf("conflict", "invalid", "down", "a"), []error{chat.ErrConflict, invalid, down, down}, " 4 1 1 1"},
	} {
		t.Run(name, func(t *testing.T) {
			sizes := ""
			results := driver.Isolate(t.Context(), c.batch, handlerOf(&sizes, down))
			for i, want := range c.want {
				if got := results[i]; errs.CodeOf(got) != errs.CodeOf(want) || errors.Is(want, chat.ErrConflict) != errors.Is(got, chat.ErrConflict) {
					t.Errorf("message %d: %v, want %v", i, got, want)
				}
			}
			if sizes != c.sizes {
				t.Errorf("batches of%s, want%s", sizes, c.sizes)
			}
		})
	}
}
