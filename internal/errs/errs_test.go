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
