package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"

	"github.com/go-sql-driver/mysql"

	"phiproxy/e2e/servers"
)

// open connects to a database by way of an endpoint, as the application.
func open(e *endpoint, database string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd, config.DBName = "tcp", e.addr, servers.AppUser, servers.AppPassword, database
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// perOwner is how many rows each owner has; cases.lua counts on it.
const perOwner = 100

// batch is how many rows one INSERT of the load holds.
const batch = 500

var (
	firstNames = []string{"Ann", "Bob", "Carlos", "Deirdre", "Emil", "Françoise", "Grace", "Hiro", "Ivana", "José"}
	lastNames  = []string{"Smith", "Johnson", "O''Neil", "García", "Müller", "Nguyen", "Okafor", "Petrov", "Rossi", "Van der Berg"}
	insurers   = []string{"Aetna", "Blue Cross Blue Shield", "Cigna", "UnitedHealthcare", "Kaiser Permanente"}
)

// load fills every endpoint's table with the same rows, each through the endpoint.
func (r *rig) load() error {
	for _, e := range r.endpoints {
		progress("loading %d rows through %s", r.options.rows, e.name)
		db, err := open(e, e.database)
		if err != nil {
			return err
		}
		random := rand.New(rand.NewPCG(1, 2))
		for from := 0; from < r.options.rows; from += batch {
			if _, err := db.Exec(insertSQL(random, from, caseOf)); err != nil {
				return fmt.Errorf("loading through %s: %w", e.name, err)
			}
		}
		for from := 0; from < listRows; from += batch {
			if _, err := db.Exec(insertSQL(random, from, listCase)); err != nil {
				return fmt.Errorf("loading through %s: %w", e.name, err)
			}
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	return nil
}

// caseOf gives the ids of the n-th case and of its owner.
func caseOf(n int) (id, owner string) { return fmt.Sprintf("c%07d", n), fmt.Sprintf("u%d", n/perOwner) }

// listCase is the same for the cases of one owner who has many. Statements that are about all cases leave these out.
func listCase(n int) (id, owner string) { return fmt.Sprintf("list%07d", n), listOwner }

func insertSQL(random *rand.Rand, from int, ids func(n int) (id, owner string)) string {
	var b strings.Builder
	b.WriteString("INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, patient_dob, ins_provider, case_status, pay_amount) VALUES ")
	for i := from; i < from+batch; i++ {
		if i > from {
			b.WriteString(", ")
		}
		id, owner := ids(i)
		fmt.Fprintf(&b, "('%s', '%s', '20%02d-%02d-%02d', '%s', '%s', '19%02d-%02d-%02d', '%s', %d, %d.%02d)",
			id, owner, 10+random.IntN(15), 1+random.IntN(12), 1+random.IntN(28), firstNames[random.IntN(len(firstNames))], lastNames[random.IntN(len(lastNames))],
			30+random.IntN(70), 1+random.IntN(12), 1+random.IntN(28), insurers[random.IntN(len(insurers))], random.IntN(20), random.IntN(9999), random.IntN(100))
	}
	return b.String()
}

// Size of sysbench's own data.
const (
	sysbenchTables = 4
	sysbenchRows   = 10000
)

func (r *rig) loadSysbench() error {
	db, err := open(r.endpoint(direct), "")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + sysbenchDatabase); err != nil {
		return err
	}
	args := append(r.sysbenchArgs(r.endpoint(direct), sysbenchDatabase), "oltp_read_write", "prepare")
	if out, err := exec.Command("sysbench", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("sysbench prepare: %w\n%s", err, out)
	}
	return nil
}
