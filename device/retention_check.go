package device

import (
	"fmt"
	"slices"

	"clipd/device/ingest"
	"clipd/store"
)

// checkKeep says what is wrong with [keep] by itself.
func (c *Config) checkKeep(bad complain) {
	for _, k := range c.Keep.Classes {
		if k.Match == "" && k.Camera == "" {
			bad("keep.class", "needs match, like \"driveway/**\", or camera")
		} else if err := ingest.CheckMatch(k.Match); k.Match != "" && err != nil {
			bad("keep.class.match", "%v; write it like \"driveway/**\"", err)
		}
		if k.Age == 0 && k.Size == 0 {
			bad("keep.class", "%q needs an age or a size", k.Match+k.Camera)
		}
	}
	for i, name := range c.Keep.Undelivered {
		if name == "" || len(name) > maxConsumerName || slices.Contains(c.Keep.Undelivered[:i], name) {
			bad("keep.undelivered", "%.40q is empty, too long or there twice", name)
		}
	}
}

// checkUndelivered refuses names that are new in keep.undelivered and that neither a target nor a consumer goes by. Those
// that stood there before are told as a problem by retain: a box must start without its consumers.
func (c *Config) checkUndelivered(before *Config, knows func(consumer string) bool) error {
	for _, name := range c.Keep.Undelivered {
		_, target := c.Targets[name]
		if target || slices.Contains(before.Keep.Undelivered, name) || knows == nil || knows(name) {
			continue
		}
		return keyError{"", "keep.undelivered", fmt.Sprintf("%q is neither a target nor a consumer that has ever acknowledged a clip", name)}
	}
	return nil
}

// knowsConsumer reports whether name is that of a consumer.
func (b *box) knowsConsumer(name string) bool {
	all, err := b.store.Consumers()
	return err != nil || slices.ContainsFunc(all, func(c store.Consumer) bool { return c.Name == name })
}
