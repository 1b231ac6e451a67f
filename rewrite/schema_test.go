package rewrite

import (
	"strings"

	"phiproxy/rewrite/logical"
)

// textType is a logical type by name only: plans need no more of it.
type textType struct {
	logical.Type
	name string
}

func (t textType) String() string { return t.name }

// tableOf builds a table from "name type[!] [@id]" lines: ! is NOT NULL, @ protected.
func tableOf(schema, name string, key []int, columns ...string) *Table {
	t := &Table{Schema: schema, Name: name, PrimaryKey: key, AutoInc: -1, Owner: -1, Flag: -1}
	if len(key) > 0 {
		t.UniqueKeys = [][]int{key}
	}
	for i, c := range columns {
		f := strings.Fields(c)
		col := Column{Name: f[0], Type: strings.TrimSuffix(f[1], "!"), Nullable: !strings.HasSuffix(f[1], "!")}
		if len(f) > 2 {
			col.Protected = &Protected{ID: f[2][1:], Type: textType{name: col.Type}, Definition: col.Type}
			col.Type = "varbinary(1100)"
		}
		switch f[0] {
		case "user_id":
			t.Owner = i
		case "phi_encrypted":
			t.Flag = i
		}
		t.Columns = append(t.Columns, col)
	}
	return t
}

// caseColumns are the columns of cases and deleted_cases.
var caseColumns = []string{
	"case_id varchar(100)!", "user_id varchar(100)", "case_date date", "patient_first varchar(250) @first", "patient_last varchar(250) @last",
	"ins_provider varchar(250) @ins", "surgeon_id int", "facility_id int", "case_create_ts timestamp", "case_updated_ts timestamp",
	"case_status smallint", "paid_to_provider_ts timestamp", "biller_status smallint", "sent_to_biller_ts timestamp",
	"received_pmnt_ts timestamp", "sent_to_negotiation_ts timestamp", "settled_ts timestamp", "sent_to_idr_ts timestamp",
	"idr_decision_ts timestamp", "closed_ts timestamp", "demo_file varchar(250)", "note_file varchar(250)", "misc_file varchar(250)",
	"active tinyint", "human_case_id bigint!", "pay_amount decimal(14,2)!", "pay_category varchar(20)", "pending_payment_ts timestamp",
	"dupe_flag tinyint", "admin_file varchar(250)", "submitted_ts timestamp", "billable_flag_ts timestamp", "docs_needed_ts timestamp",
	"patient_dob date @dob", "phi_encrypted tinyint", "rejected_ts timestamp",
}

// appSchema is the application's database as far as its statements on cases go.
func appSchema(flavor Flavor) *Schema {
	s := &Schema{Version: 1, Flavor: flavor, ServerVersion: 90700, Tables: map[string]*Table{}, Configured: map[string]*Configured{}, Opaque: map[string]string{}}
	s.InfoColumns = []string{"TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "CHARACTER_MAXIMUM_LENGTH"}
	s.Home, s.Own = "app", []string{"phiproxy_columns"}
	if flavor == MariaDB {
		s.ServerVersion = 101119
	}
	for _, name := range []string{"cases", "deleted_cases"} {
		t := tableOf("app", name, []int{0}, caseColumns...)
		t.Protected, t.AutoInc = true, 24
		s.Tables[s.Key("app", name)] = t
	}
	visits := tableOf("app", "visits", []int{0, 1}, "clinic int!", "visit int!", "user_id varchar(100)!", "note text @note", "born date! @born")
	visits.Protected = true
	s.Tables[s.Key("app", "visits")] = visits
	for _, t := range []*Table{
		tableOf("app", "user_profile", []int{0}, "user_id varchar(100)!", "user_email varchar(250)!", "first_name varchar(250)",
			"last_name varchar(250)", "user_npi bigint", "user_type int", "active tinyint", "timezone varchar(64)", "email varchar(250)"),
		tableOf("app", "surgeon_list", []int{0}, "surgeon_id int!", "user_id varchar(100)", "first_name varchar(250)", "last_name varchar(250)", "surgeon_npi bigint!"),
		tableOf("app", "facility_list", []int{0}, "facility_id bigint!", "user_id varchar(100)", "facility_name varchar(1000)", "facility_npi bigint!"),
		tableOf("app", "case_status_list", []int{0}, "case_status smallint!", "case_status_desc varchar(200)"),
		tableOf("app", "case_procedure_codes", nil, "case_id varchar(100)", "procedure_code varchar(10)", "procedure_desc varchar(1000)", "asst_surg tinyint"),
		tableOf("app", "deleted_case_procedure_codes", nil, "case_id varchar(100)", "procedure_code varchar(10)", "procedure_desc varchar(1000)", "asst_surg tinyint"),
		tableOf("app", "insurance_plans", []int{0}, "id int!", "ins_provider varchar(250)", "flagged tinyint"),
	} {
		s.Tables[s.Key("app", t.Name)] = t
	}
	for key, t := range s.Tables {
		if !t.Protected {
			continue
		}
		c := &Configured{Schema: t.Schema, Name: t.Name, Owner: t.Columns[t.Owner].Name, IDs: map[string]string{}}
		if t.Flag >= 0 {
			c.Flag = t.Columns[t.Flag].Name
		}
		for i := range t.Columns {
			if p := t.Columns[i].Protected; p != nil {
				c.IDs[t.Columns[i].Name] = p.ID
			}
		}
		s.Configured[key] = c
	}
	s.Configured[s.Key("app", "absent")] = &Configured{Schema: "app", Name: "absent", Owner: "o", IDs: map[string]string{"secret": "absent.secret"}}
	for _, o := range []string{"case_view", "copy_cases", "case_name"} {
		s.Opaque[s.Key("app", o)] = "reads app.cases"
	}
	return s
}
