//go:build !linux

package load

import "syscall"

func childAttributes() *syscall.SysProcAttr { return nil }
