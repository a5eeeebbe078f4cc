package device

import (
	"context"
	"net"

	"clipd/device/mdns"
)

// tellNetwork lets the local network find the box by DNS-SD, on the port it really has, until ctx is done. A box that
// listens on this board alone has nothing to tell.
func (b *box) tellNetwork(ctx context.Context) error {
	at, ok := b.listener.Addr().(*net.TCPAddr)
	if !ok || at.IP.IsLoopback() {
		<-ctx.Done()
		return nil
	}
	is := []string{"id=" + b.id, "name=" + b.cfg.Name, "version=" + b.version}
	return mdns.New(mdns.Config{
		Name: b.cfg.Name, Host: "clipd-" + b.id, Port: uint16(at.Port), Log: b.log,
		Services: []mdns.Service{{Type: "_clipd._tcp", TXT: is}, {Type: "_http._tcp", TXT: append([]string{"path=/"}, is...)}},
	}).Run(ctx)
}
