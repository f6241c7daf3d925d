//go:build !linux

package sqlite

import "os"

// lockWhole does nothing: here a lock on the whole file would stand in the way of the locks that SQLite takes. The lock of the name
// holds.
func lockWhole(*os.File) (bool, error) { return true, nil }

// isMount is false: here a single file cannot be mounted.
func isMount(string) bool { return false }

// lockers and walHolders name nobody: this system does not say who has a file open.
func lockers(string) string { return "" }

func walHolders(string) string { return "" }
