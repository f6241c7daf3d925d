package server

import (
	"context"
	"fmt"

	"restante/internal/config"
	"restante/internal/lifecycle"
	"restante/internal/limit"
	"restante/internal/memory"
)

// openMemory makes the budget of what clients can make the process keep.
func (s *Server) openMemory(context.Context) (lifecycle.Stop, error) {
	machine := memory.ReadMachine()
	most, err := memoryLimit(s.cfg.Limit.Memory, machine)
	if err != nil {
		return nil, err
	}
	heap := machine.LimitHeap()
	s.memory = memory.New(memory.Config{Limit: most, Metrics: s.metrics})
	s.log.Info("memory for clients", "limit", config.Bytes(most).String(), "container", config.Bytes(machine.Container).String(),
		"go_limit", config.Bytes(heap).String())
	return nil, nil
}

// unusedPerClient returns how many negotiated connections of a client may wait to be opened: more than it may have open, since those
// that it opens on another node wait here until they are forgotten. connections is --limit-connections-per-client.
func unusedPerClient(connections int) int {
	switch {
	case connections < 0:
		return -1
	case connections == 0:
		connections = limit.DefaultConnectionsPerClient
	}
	return 2 * connections
}

// memoryLimit returns the limit of the budget. given is --limit-memory, 0 without it.
func memoryLimit(given config.Bytes, machine memory.Machine) (int, error) {
	if given == 0 {
		return machine.Default(), nil
	}
	if most := config.Bytes(machine.Most()); most > 0 && given > most {
		return 0, fmt.Errorf("--limit-memory: %v is more than the %v that this process may use (the limit of its container or service, or "+
			"GOMEMLIMIT); leave it out for a third of that, or give the process more", given, most)
	}
	return int(given), nil
}
