package driver

import (
	"context"
	"errors"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Isolate passes batch to handle. If handle fails with errs.Invalid it passes each message alone, so that one bad
// message does not fail the others. It returns one error per message, in order, nil for those that are done, and
// chat.ErrConflict for conflicts, which never split a batch.
// After an error of another class the rest of the batch is not tried, since later messages must not go first; it gets
// that error too.
func Isolate(ctx context.Context, batch []chat.Message, handle Handler) []error {
	results := make([]error, len(batch))
	err := handleOnce(ctx, batch, handle, results)
	alone := errs.CodeOf(err) == errs.Invalid && len(batch) > 1
	for i := range batch {
		if alone {
			err = handleOnce(ctx, batch[i:i+1], handle, results[i:i+1])
			alone = err == nil || errs.CodeOf(err) == errs.Invalid
		}
		if err != nil {
			results[i] = err
		}
	}
	return results
}

// handleOnce passes batch to handle, writes the conflicts into results, and returns any other error.
func handleOnce(ctx context.Context, batch []chat.Message, handle Handler, results []error) error {
	err := handle(ctx, batch)
	conflicts, ok := errors.AsType[*chat.ConflictsError](err)
	if !ok {
		return err
	}
	for _, i := range conflicts.Indexes {
		results[i] = chat.ErrConflict
	}
	return nil
}
