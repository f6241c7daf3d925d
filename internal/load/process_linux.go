package load

import "syscall"

// childAttributes makes the system end the server when its parent dies, for whatever reason.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
