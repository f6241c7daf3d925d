package load

import "syscall"

// childAttributes ends the server when its parent dies, however that happens.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
