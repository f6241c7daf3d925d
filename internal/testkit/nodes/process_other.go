//go:build !linux

package nodes

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}
