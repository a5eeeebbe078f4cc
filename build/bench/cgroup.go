package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memoryGroups is where version 1 of the memory controller is mounted, cgroups(7).
const memoryGroups = "/sys/fs/cgroup/memory"

// confine moves the server's processes into a memory cgroup of their own with the limit, in bytes. Its stop then fails if
// the kernel had to kill for it.
func (s *server) confine(limit int64) error {
	group := filepath.Join(memoryGroups, fmt.Sprintf("clipd-bench-%d", s.pids[0]))
	if err := os.MkdirAll(group, 0o777); err != nil {
		return fmt.Errorf("a memory cgroup: %w", err)
	}
	if err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), []byte(strconv.FormatInt(limit, 10)), 0o666); err != nil {
		return err
	}
	for _, pid := range s.pids {
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o666); err != nil {
			return err
		}
	}
	stop := s.stop
	s.stop = func() error { return errors.Join(killed(group), stop(), os.Remove(group)) }
	return nil
}

// killed is an error if the kernel killed a process in group for want of memory.
func killed(group string) error {
	b, err := os.ReadFile(filepath.Join(group, "memory.oom_control"))
	if err == nil && !strings.Contains(string(b), "oom_kill 0\n") {
		return fmt.Errorf("out of memory in %s: %s", group, strings.Join(strings.Fields(string(b)), " "))
	}
	return err
}
