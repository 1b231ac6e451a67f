package main

import (
	"errors"

	"phiproxy/config"
	"phiproxy/migrate/catalog"
)

// catalogTables are the configured tables as the catalog wants them.
func catalogTables(cfg *config.Config) []catalog.Table {
	tables := make([]catalog.Table, len(cfg.Tables))
	for i, t := range cfg.Tables {
		tables[i] = catalog.Table{
			Schema: t.Schema, Name: t.Name, Owner: t.Owner, Flag: t.Flag, ShowStored: t.Show == config.ShowStored, Migrating: t.Migrating,
		}
		for _, c := range t.Columns {
			tables[i].Columns = append(tables[i].Columns, catalog.Column{Name: c.Name, ID: c.ID})
		}
	}
	return tables
}

// problemsError joins what is wrong with the schema into one error, nil when nothing is.
func problemsError(problems []catalog.Problem) error {
	var errs []error
	for _, p := range problems {
		errs = append(errs, errors.New(p.String()))
	}
	return errors.Join(errs...)
}
