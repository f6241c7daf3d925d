package driver

import (
	"context"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Isolate passes batch to handle. If handle fails with errs.Invalid it passes each message alone, so that one bad
// message does not fail the others. It returns one error per message, in order, nil for those that are done.
// After an error of another class the rest of the batch is not tried, since later messages must not go first; it gets
// that error too.
func Isolate(ctx context.Context, batch []chat.Message, handle Handler) []error {
	results := make([]error, len(batch))
	err := handle(ctx, batch)
	alone := errs.CodeOf(err) == errs.Invalid && len(batch) > 1
	for i := range batch {
		if alone {
			err = handle(ctx, batch[i:i+1])
			alone = err == nil || errs.CodeOf(err) == errs.Invalid
		}
		results[i] = err
	}
	return results
}
