package kmsemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keyFile is the form of Options.File.
type keyFile struct {
	Keys    []*masterKey      `json:"keys"`
	Aliases map[string]string `json:"aliases"` // alias -> key id
}

func (e *Emulator) load() error {
	if e.file == "" {
		return nil
	}
	text, err := os.ReadFile(e.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("kms emulator: %w", err)
	}
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("kms emulator: %s is no key file", e.file)
	}
	for _, k := range f.Keys {
		if len(k.Material) != 32 || !isUUID(k.ID) {
			return fmt.Errorf("kms emulator: %s holds a bad key", e.file)
		}
		e.keys[k.ID] = k
	}
	for alias, id := range f.Aliases {
		e.aliases[alias] = id
	}
	return nil
}

// save writes the file anew; called with e.mu held, or before the emulator is shared.
func (e *Emulator) save() error {
	if e.file == "" {
		return nil
	}
	f := keyFile{Aliases: e.aliases}
	for _, k := range e.keys {
		f.Keys = append(f.Keys, k)
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("kms emulator: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(e.file), ".kms-*") // mode 0600
	if err != nil {
		return fmt.Errorf("kms emulator: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), e.file)
	}
	if err != nil {
		return fmt.Errorf("kms emulator: %w", err)
	}
	return nil
}
