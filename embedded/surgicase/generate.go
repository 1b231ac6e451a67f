package surgicase

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// User is a provider, who owns cases.
type User struct {
	ID, Email, First, Last string
}

// Case is one row of the table cases.
type Case struct {
	ID, User           string
	Date               string // YYYY-MM-DD
	First, Last        string // protected
	Insurance          string // protected
	BirthDate          string // protected; YYYY-MM-DD
	Surgeon, Facility  int
	Status             int
	DemoFile, NoteFile string
}

// Data is a sample of the application's rows.
type Data struct {
	Users []User
	Cases []Case
}

// Generate makes users with cases of their own. The same arguments give the same rows.
func Generate(seed uint64, users, casesEach int) Data {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	var d Data
	for i := range users {
		u := User{ID: fmt.Sprintf("%08x-0091-7031-86bb-%012x", r.Uint32(), i+1), First: pick(r, firstNames), Last: pick(r, lastNames)}
		u.Email = fmt.Sprintf("provider%d@clinic.example", i+1)
		d.Users = append(d.Users, u)
		for n := range casesEach {
			d.Cases = append(d.Cases, randomCase(r, u, n))
		}
	}
	return d
}

func randomCase(r *rand.Rand, u User, n int) Case {
	day := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(330))
	born := time.Date(1935, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(85*365))
	c := Case{
		ID: fmt.Sprintf("%s_%d", u.ID, day.UnixMilli()+int64(n)), User: u.ID, Date: day.Format(time.DateOnly),
		First: pick(r, firstNames), Last: pick(r, lastNames), Insurance: pick(r, insurances), BirthDate: born.Format(time.DateOnly),
		Surgeon: 100001 + r.IntN(len(surgeons)), Facility: 1000001 + r.IntN(len(facilities)), Status: pick(r, statuses),
	}
	c.DemoFile = fmt.Sprintf("demo_%04x.pdf", r.IntN(1<<16))
	c.NoteFile = fmt.Sprintf("note_%04x.pdf", r.IntN(1<<16))
	return c
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// InsertSQL is the statement that the application sends to store a case.
func (c Case) InsertSQL() string {
	return fmt.Sprintf("INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, surgeon_id, "+
		"facility_id, demo_file, note_file, case_status, patient_dob) VALUES (%s, %s, %s, %s, %s, %s, %d, %d, %s, %s, %d, %s)",
		Quote(c.ID), Quote(c.User), Quote(c.Date), Quote(c.First), Quote(c.Last), Quote(c.Insurance), c.Surgeon, c.Facility,
		Quote(c.DemoFile), Quote(c.NoteFile), c.Status, Quote(c.BirthDate))
}

// Administrator is the user with administrator's rights that LookupSQL makes.
const Administrator = "admin"

// LookupSQL is what has to be in the database before the first case: users, surgeons, facilities and code tables.
func (d Data) LookupSQL() []string {
	var statements []string
	add := func(format string, args ...any) { statements = append(statements, fmt.Sprintf(format, args...)) }
	add("INSERT INTO user_type_list VALUES (1, 'Provider', 20), (100, 'Administrator', 500)")
	for _, s := range statusNames {
		add("INSERT INTO case_status_list VALUES (%d, %s)", s.status, Quote(s.name))
	}
	for _, u := range d.Users {
		add("INSERT INTO user_profile (user_id, user_email, first_name, last_name, user_type, active) VALUES (%s, %s, %s, %s, 1, 1)",
			Quote(u.ID), Quote(u.Email), Quote(u.First), Quote(u.Last))
	}
	add("INSERT INTO user_profile (user_id, user_email, first_name, last_name, user_type, active) VALUES (%s, 'admin@example.org', 'Ada', 'Administrator', 100, 1)",
		Quote(Administrator))
	for i, name := range surgeons {
		first, last, _ := strings.Cut(name, " ")
		add("INSERT INTO surgeon_list (surgeon_id, first_name, last_name, surgeon_npi) VALUES (%d, %s, %s, %d)", 100001+i, Quote(first), Quote(last), 1000000000+i)
	}
	for i, name := range facilities {
		add("INSERT INTO facility_list (facility_id, facility_name, facility_npi) VALUES (%d, %s, %d)", 1000001+i, Quote(name), 2000000000+i)
	}
	return statements
}

// Quote writes a text as a SQL literal that reads the same whether or not backslashes escape: it must hold none.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
