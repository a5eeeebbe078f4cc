package vm

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// moduleName is the kernel's own spelling: files use both.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// load returns the files of the modules named and of all they need, in the order in which they can be loaded.
func (k *Kernel) load(names []string) (files []string, err error) {
	var add func(name string) error
	add = func(name string) error {
		path, ok := k.modules[moduleName(name)]
		if !ok {
			return fmt.Errorf("kernel %s has no module %s", k.Release, name)
		}
		if slices.Contains(files, path) {
			return nil
		}
		needs, err := depends(path)
		if err != nil {
			return err
		}
		for _, need := range needs {
			if err := add(need); err != nil {
				return err
			}
		}
		files = append(files, path)
		return nil
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// depends reads which modules the one at path needs, modinfo(8).
func depends(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", path, err)
	}
	defer f.Close()
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("read module %s: it has no .modinfo", path)
	}
	info, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", path, err)
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(field, []byte("depends=")); ok && len(list) > 0 {
			return strings.Split(string(list), ","), nil
		}
	}
	return nil, nil
}

// Module returns the path of the file of one module, "" if the kernel has none of that name.
func (k *Kernel) Module(name string) string { return k.modules[moduleName(name)] }
