package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A variant is a clipd with something else in its source. The program that is shipped has no switch for it.
type variant struct {
	name  string
	edits []edit
}

// edit puts other in the place of sound, which stands once in the file.
type edit struct{ file, sound, other string }

// build makes the program in dir, with go build -overlay.
func (v variant) build(dir string) (program string, err error) {
	root, err := command("go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for i, e := range v.edits {
		path := filepath.Join(root, e.file)
		source, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if n := strings.Count(string(source), e.sound); n != 1 {
			return "", fmt.Errorf("%q stands %d times in %s: the variant has to follow the code", e.sound, n, e.file)
		}
		overlay.Replace[path] = filepath.Join(dir, fmt.Sprint(i, ".go"))
		if err := os.WriteFile(overlay.Replace[path], []byte(strings.Replace(string(source), e.sound, e.other, 1)), 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "clipd")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "clipd/cmd/clipd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build clipd with %s: %w\n%s", v.name, err, out)
	}
	return program, nil
}
