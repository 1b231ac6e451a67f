package main

import (
	"context"

	"phiproxy/migrate"
	"phiproxy/migrate/catalog"
	"phiproxy/proxy"
	"phiproxy/rewrite"
)

// definitions are what the proxy needs to define protected tables.
type definitions struct {
	definer *migrate.Definer
	schema  *catalog.Watcher
}

func (d definitions) Define(ctx context.Context, def *rewrite.Definition, shown rewrite.Shown) (proxy.Redefinition, error) {
	r, err := d.definer.Define(ctx, def, shown)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (d definitions) Announce(ctx context.Context) error { return d.schema.Announce(ctx) }
