//go:build !linux

package postgres

import (
	"context"
	"syscall"
)

// limitUnanswered leaves it to the system when to give up sending.
func limitUnanswered(context.Context, string, string, syscall.RawConn) error { return nil }
