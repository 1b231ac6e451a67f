package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"go.uber.org/zap"

	"phiproxy/config"
	"phiproxy/keys"
	"phiproxy/keys/kmsaws"
	"phiproxy/keys/kmslocal"
	"phiproxy/keys/store"
)

// newRing makes the ring that the configuration describes.
func newRing(ctx context.Context, k config.Keys, db *sql.DB, metrics *keys.Metrics, log *zap.Logger) (*keys.Ring, error) {
	provider, err := newProvider(ctx, k)
	if err != nil {
		return nil, err
	}
	return keys.New(keys.RingOptions{
		Store:       store.New(db),
		Provider:    provider,
		TTL:         k.CacheTTL.Std(),
		StaleFor:    k.StaleFor.Std(),
		NoGenerate:  !k.GenerateOnFirstWrite,
		Parallel:    k.Parallel,
		RotateAfter: uint64(k.RotateAfterSeals),
		Metrics:     metrics,
		EMF:         emf(k.EMF),
		Log:         log,
	})
}

func emf(e config.EMF) *keys.EMF {
	if !e.Enabled {
		return nil
	}
	return &keys.EMF{Namespace: e.Namespace, Interval: e.Interval.Std()}
}

// masterKey names the master key for people.
func masterKey(k config.Keys) string {
	if k.Provider == config.ProviderLocal {
		return k.LocalFile
	}
	return k.Alias
}

func newProvider(ctx context.Context, k config.Keys) (keys.Provider, error) {
	if k.Provider == config.ProviderLocal {
		provider, err := kmslocal.New(kmslocal.Options{File: k.LocalFile, OldFiles: k.OldLocalFiles})
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New("keys.local_file: there is no such file; phiproxy schema apply makes it")
		}
		if err != nil {
			return nil, fmt.Errorf("keys.local_file: %w", err)
		}
		return provider, nil
	}
	return kmsaws.New(ctx, kmsaws.Options{
		KeyID:                 k.Alias,
		OldKeyIDs:             k.OldKeys,
		Region:                k.Region,
		Endpoint:              k.Endpoint,
		AllowInsecureEndpoint: k.AllowInsecureEndpoint,
		Timeout:               k.Timeout.Std(),
	})
}

// makeLocalKey makes the key file of provider local when there is none. That is part of setting up: the proxy itself never
// makes one, since a mistyped path would then give a second key beside the one that everything is wrapped under.
func makeLocalKey(k config.Keys) error {
	if k.Provider != config.ProviderLocal {
		return nil
	}
	_, err := kmslocal.New(kmslocal.Options{File: k.LocalFile, Create: true})
	if err != nil {
		return fmt.Errorf("keys.local_file: %w", err)
	}
	return nil
}
