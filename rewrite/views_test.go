package rewrite

import (
	"strings"
	"testing"
)

// What a view shows decides whether it is read like a table.
func TestViewOf(t *testing.T) {
	for _, c := range []struct {
		definition string
		columns    string // names; those that are protected in upper case
		want       bool
	}{
		{"select `app`.`cases`.`user_id` AS `o`,`app`.`cases`.`patient_last` AS `l` from `app`.`cases` where (`app`.`cases`.`active` = 1)", "o L", true},
		{"select `c`.`patient_last` AS `l`,`c`.`user_id` AS `o`,`s`.`last_name` AS `n` from (`app`.`cases` `c` left join `app`.`surgeon_list` `s` on((`s`.`surgeon_id` = `c`.`surgeon_id`)))", "L o n", true},
		{"select `d`.`l` AS `l`,`d`.`user_id` AS `user_id` from (select `app`.`cases`.`patient_last` AS `l`,`app`.`cases`.`user_id` AS `user_id` from `app`.`cases`) `d`", "L user_id", false},
		{"select `app`.`cases`.`case_id` AS `c` from `app`.`cases`", "c", true},
		{"select `app`.`cases`.`patient_last` AS `l` from `app`.`cases`", "L", false},
		{"select upper(`app`.`cases`.`patient_last`) AS `l`,`app`.`cases`.`user_id` AS `o` from `app`.`cases`", "l o", false},
		{"select `a`.`patient_last` AS `l`,`b`.`user_id` AS `o` from (`app`.`cases` `a` join `app`.`cases` `b`)", "L o", false},
		{"select `a`.`patient_last` AS `l`,`a`.`user_id` AS `o`,`b`.`patient_last` AS `m` from (`app`.`cases` `a` join `app`.`cases` `b`)", "L o M", false},
		{"select `app`.`cases`.`user_id` AS `o`,`app`.`cases`.`patient_last` AS `l` from `app`.`cases` where (`app`.`cases`.`patient_first` = 'x')", "o L", false},
		{"select `app`.`cases`.`user_id` AS `o`,`app`.`cases`.`patient_last` AS `l` from `app`.`cases` where (`app`.`cases`.`phi_encrypted` = 1)", "o L", false},
		{"select `app`.`cases`.`user_id` AS `o`,`app`.`cases`.`patient_last` AS `l` from `app`.`cases` union all select 1,2", "o L", false},
		{"select distinct `app`.`cases`.`user_id` AS `o`,`app`.`cases`.`patient_last` AS `l` from `app`.`cases`", "o L", false},
		{"select coalesce(`app`.`cases`.`patient_last`,'x') AS `l`,`app`.`cases`.`user_id` AS `o` from `app`.`cases`", "L o", false},
		{"select concat(`app`.`cases`.`user_id`) AS `o`,`app`.`cases`.`patient_last` AS `l` from `app`.`cases`", "o L", false},
		{"no select", "l", false}, {"select 'unclosed", "l", false}, {"select `app`.`cases`.`user_id` AS `o` from `app`.`cases`", "o p", false},
	} {
		var columns []Column
		for name := range strings.FieldsSeq(c.columns) {
			columns = append(columns, Column{Name: strings.ToLower(name)})
		}
		v := ViewOf(appSchema(MySQL), "app", "v", c.definition, columns)
		if (v != nil) != c.want {
			t.Errorf("%s: %+v", c.definition, v)
			continue
		}
		for i, name := range strings.Fields(c.columns) {
			if v != nil && (v.Columns[i].Protected != nil) != (name != strings.ToLower(name)) {
				t.Errorf("%s: column %s", c.definition, name)
			}
		}
		if v != nil && v.Protected && v.Columns[v.Owner].Name != "o" && v.Columns[v.Owner].Name != "user_id" {
			t.Errorf("%s: owner %d", c.definition, v.Owner)
		}
	}
}
