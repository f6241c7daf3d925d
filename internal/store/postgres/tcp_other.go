//go:build !linux

package postgres

import (
	"context"
	"syscall"
)

// limitUnanswered does nothing: the system decides when to give up sending.
func limitUnanswered(context.Context, string, string, syscall.RawConn) error { return nil }
