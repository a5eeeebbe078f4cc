package main

import "context"

type messages struct {
	puller  *puller
	broker  brokerFlags
	sources []*source
}

func (m *messages) follow(ctx context.Context) error { return nil }
