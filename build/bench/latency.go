package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"
)

const clipBytes = 10_000_000

// closeToMessage is the time from the recorder's close(2) to the message at a subscriber of a broker on this machine,
// clips of 10 MB one after the other, and what hashing the same bytes costs without anything else.
func closeToMessage(ctx context.Context, b *bench) (_ []table, err error) {
	dir := filepath.Join(b.dir, "latency")
	m, err := b.broker(ctx)
	if err != nil {
		return nil, err
	}
	defer m.stop()
	x, err := b.startBox(ctx, dir, "tcp://"+m.address, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	n := b.pick(200, 40)
	var all, hashing, rest times
	body := b.sample.padded(clipBytes)
	for i := range n {
		path := fmt.Sprintf("front/%04d.mp4", i)
		took, err := announced(ctx, m, filepath.Join(dir, "recordings"), path, body)
		if err != nil {
			return nil, err
		}
		alone, err := hashAlone(filepath.Join(dir, "recordings", path))
		if err != nil {
			return nil, err
		}
		all, hashing, rest = append(all, took), append(hashing, alone), append(rest, took-alone)
	}
	t := table{Title: fmt.Sprintf("From close to message, %d clips of 10 MB", n)}
	t.add("close to message, median / p99", ms(all.quantile(0.5))+" / "+ms(all.quantile(0.99)), "")
	t.add("SHA-256 and CRC-32 of the same file alone, median / p99", ms(hashing.quantile(0.5))+" / "+ms(hashing.quantile(0.99)), "")
	t.add("what is left, median / p99", ms(rest.quantile(0.5))+" / "+ms(rest.quantile(0.99)), "20 ms / 100 ms")
	return []table{t}, nil
}

// broker starts one in a folder of its own.
func (b *bench) broker(ctx context.Context) (*broker, error) {
	dir, err := os.MkdirTemp(b.dir, "broker-")
	if err != nil {
		return nil, err
	}
	return startBroker(ctx, dir)
}

// announced records body at path as a recorder does, in place, and waits for its message.
func announced(ctx context.Context, m *broker, root, path string, body []byte) (time.Duration, error) {
	file := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return 0, err
	}
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	if _, err := f.Write(body); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	closed := time.Now()
	h, err := m.next(ctx, path)
	return h.at.Sub(closed), err
}

func hashAlone(file string) (time.Duration, error) {
	began := time.Now()
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum, crc := sha256.New(), crc32.NewIEEE()
	_, err = io.Copy(io.MultiWriter(sum, crc), f)
	sum.Sum(nil)
	return time.Since(began), err
}
