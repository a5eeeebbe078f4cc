package store

import (
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Camera is one clip source with its running totals.
type Camera struct {
	Name           string
	Clips          int
	Bytes          int64
	Oldest, Newest time.Time // starts; zero while it has no clips
}

// Cameras returns every camera that has or had clips, by name.
func (s *Store) Cameras() ([]Camera, error) {
	var cameras []Camera
	err := s.view(func(tx *bolt.Tx) error {
		rows, err := readCameras(tx, "")
		if err != nil {
			return err
		}
		for _, r := range rows {
			c := Camera{Name: r.name, Clips: int(r.count()), Bytes: r.bytes}
			c.Oldest, c.Newest = r.ends(tx)
			cameras = append(cameras, c)
		}
		return nil
	})
	return cameras, err
}

// cameraRow is a row of the cameras bucket. Its number stands for the name in keys.
type cameraRow struct {
	name   string
	number uint32
	clips  [facets]int64 // listed, by facet: a listing opens no range that is empty
	bytes  int64
}

func (r *cameraRow) count() (n int64) {
	for _, c := range r.clips {
		n += c
	}
	return n
}

func (r *cameraRow) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, r.number)
	b = binary.AppendVarint(b, r.bytes)
	for _, n := range r.clips {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func decodeCamera(name, value []byte) (cameraRow, error) {
	payload, err := unseal(bucketCameras, name, value)
	if err != nil {
		return cameraRow{}, err
	}
	d := decoder{b: payload}
	r := cameraRow{name: string(name)}
	if n := d.take(4); n != nil {
		r.number = binary.BigEndian.Uint32(n)
	}
	r.bytes = d.varint()
	for i := range r.clips {
		r.clips[i] = d.varint()
	}
	if err := d.end(); err != nil {
		return cameraRow{}, fmt.Errorf("camera %.40q: %w", name, err)
	}
	return r, nil
}

// readCameras returns the row of the camera named, if there is one, or ("" ) those of all, by name.
func readCameras(tx *bolt.Tx, name string) ([]cameraRow, error) {
	b := tx.Bucket(bucketCameras)
	if name != "" {
		v := b.Get([]byte(name))
		if v == nil {
			return nil, nil
		}
		r, err := decodeCamera([]byte(name), v)
		return []cameraRow{r}, err
	}
	var rows []cameraRow
	err := b.ForEach(func(k, v []byte) error {
		r, err := decodeCamera(k, v)
		rows = append(rows, r)
		return err
	})
	return rows, err
}

// ends returns the first and last start of the camera's listed clips, from the ends of its index ranges.
func (r *cameraRow) ends(tx *bolt.Tx) (oldest, newest time.Time) {
	c := tx.Bucket(bucketIndex).Cursor()
	for f, n := range r.clips {
		if n == 0 {
			continue
		}
		src := source{cursor: c, prefix: appendPrefix(nil, r.number, facet(f))}
		if src.first(spotFloor) {
			if t := startOf(src.key); oldest.IsZero() || t.Before(oldest) {
				oldest = t
			}
		}
		if src.last(spotCeiling) {
			if t := startOf(src.key); newest.IsZero() || t.After(newest) {
				newest = t
			}
		}
	}
	return oldest, newest
}

// ends returns the first and last start of the camera's listed clips ("" for all).
func ends(tx *bolt.Tx, camera string) (oldest, newest time.Time, err error) {
	rows, err := readCameras(tx, camera)
	if err != nil {
		return oldest, newest, err
	}
	for i := range rows {
		o, n := rows[i].ends(tx)
		if !o.IsZero() && (oldest.IsZero() || o.Before(oldest)) {
			oldest = o
		}
		if !n.IsZero() && (newest.IsZero() || n.After(newest)) {
			newest = n
		}
	}
	return oldest, newest, nil
}
