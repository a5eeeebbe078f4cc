package device

// unserved names the settings that are checked but that nothing in this version acts on, so that nobody relies on them.
func (c *Config) unserved() (keys []string) {
	for _, s := range []struct {
		key string
		set bool
	}{
		{"keep", c.Keep.Age != 0 || c.Keep.Size != 0 || c.Keep.Free != Share{} || len(c.Keep.Classes) > 0},
	} {
		if s.set {
			keys = append(keys, s.key)
		}
	}
	return keys
}
