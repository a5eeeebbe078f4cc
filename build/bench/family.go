package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// family is a process and its children: a server's master and its workers.
func family(pid int) (pids []int, err error) {
	pids = []int{pid}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, l := range lists {
		b, _ := os.ReadFile(l)
		for f := range strings.FieldsSeq(string(b)) {
			n, err := strconv.Atoi(f)
			if err != nil {
				return nil, err
			}
			pids = append(pids, n)
		}
	}
	return pids, err
}

// sum adds up one number of proc(5)'s status over the server's processes.
func (s *server) sum(name string) (total int64, err error) {
	for _, pid := range s.pids {
		n, err := field(pid, "status", name)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// cpu is what the server's processes have used.
func (s *server) cpu() (total time.Duration, err error) {
	for _, pid := range s.pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms; the command in field 2 may hold blanks.
		f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		for _, ticks := range f[11:13] {
			n, err := strconv.Atoi(string(ticks))
			if err != nil {
				return 0, err
			}
			total += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return total, nil
}

// files is how many descriptors the server's processes have open.
func (s *server) files() (n int) {
	for _, pid := range s.pids {
		fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		n += len(fds)
	}
	return n
}
