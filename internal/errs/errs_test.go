package errs_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"restante/internal/errs"
)

func TestCodeOf_IsTheFirstClassInTheChain(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want errs.Code
	}{
		{nil, ""},
		{io.EOF, errs.Internal},
		{errs.Field("msg", "is empty"), errs.Invalid},
		{fmt.Errorf("persist: %w", errs.Wrap(errs.Unavailable, io.EOF, "the disk is full")), errs.Unavailable},
		{errors.Join(io.EOF, errs.Field("room", "is bad")), errs.Invalid},
	} {
		if got := errs.CodeOf(tc.err); got != tc.want {
			t.Errorf("CodeOf(%v) = %q, want %q", tc.err, got, tc.want)
		}
	}
}

func TestPublic_HasMessagesButNoCauses(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{io.EOF, "internal error"},
		{&errs.Error{Code: errs.Internal, Msg: "row 7 is damaged"}, "internal error"},
		{fmt.Errorf("op: %w", errs.Wrap(errs.Unavailable, errors.New("/secret/path"), "the disk is full")), "the disk is full"},
		{fmt.Errorf("op: %w", errors.Join(errs.Field("a", "is bad"), errs.Field("b", "is %d", 1))), "a: is bad; b: is 1"},
	} {
		if got := errs.Public(tc.err); got != tc.want {
			t.Errorf("Public(%v) = %q, want %q", tc.err, got, tc.want)
		}
	}
}

func TestWrap_OfNilIsNil(t *testing.T) {
	if err := errs.Wrap(errs.Internal, nil, "x"); err != nil {
		t.Errorf("got %v", err)
	}
	if err := errs.Wrap(errs.Internal, io.EOF, "x"); !errors.Is(err, io.EOF) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestIsUnknown_LeavesTheOutcomeOpenUnlessItIsSaid(t *testing.T) {
	lost := errs.Wrap(errs.Unavailable, io.EOF, "no confirm came")
	for _, tc := range []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"no class", io.EOF, true},
		{"a fault of the server", errs.Wrap(errs.Internal, io.EOF, "x"), true},
		{"unavailable", lost, true},
		{"refused before", errs.Undone(lost), false},
		{"refused before, wrapped", fmt.Errorf("accept: %w", errs.Undone(lost)), false},
		{"no class, refused before", errs.Undone(io.EOF), false},
		{"the outermost counts", errs.Wrap(errs.Unavailable, errs.Undone(lost), "an earlier attempt is open"), true},
		{"invalid", errs.Field("msg", "is bad"), false},
		{"too fast", &errs.Error{Code: errs.RateLimited}, false},
	} {
		if got := errs.IsUnknown(tc.err); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestUndone_KeepsClassMessageAndCause(t *testing.T) {
	if err := errs.Undone(nil); err != nil {
		t.Errorf("of nil: %v", err)
	}
	err := errs.Undone(fmt.Errorf("op: %w", errs.Wrap(errs.Unavailable, io.EOF, "it is full")))
	if errs.CodeOf(err) != errs.Unavailable || errs.Public(err) != "it is full" || !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	if err = errs.Undone(io.EOF); errs.CodeOf(err) != errs.Internal || !errors.Is(err, io.EOF) || err.Error() != "EOF" {
		t.Errorf("%v", err)
	}
}
