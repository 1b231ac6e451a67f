package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// pureFunctions depend on their arguments and on session variables only, so that it does not matter on which server they
// run (MySQL manual, "Built-In Function and Operator Reference"; MariaDB, "Built-in Functions"). CONVERT_TZ is none of them: it
// needs the server's tables of time zones.
var pureFunctions = set(`
abs acos adddate addtime ascii asin atan atan2 bin bin_to_uuid bit_count bit_length ceil ceiling char char_func char_length
character_length chr coalesce coercibility collation compress concat concat_ws conv cos cot crc32 date date_add date_format date_sub
datediff day dayname dayofmonth dayofweek dayofyear degrees elt exp export_set extract field find_in_set floor format from_base64
from_days from_unixtime greatest hex hour if ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa insert insert_func instr interval is_uuid isnull json_array
json_array_append json_array_insert json_compact json_contains json_contains_path json_depth json_detailed json_exists json_extract
json_insert json_keys json_length json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object json_overlaps
json_pretty json_query json_quote json_remove json_replace json_search json_set json_storage_size json_type json_unquote json_valid json_value
last_day lcase least left length ln locate log log10 log2 lower lpad ltrim make_set makedate maketime md5 microsecond mid minute mod month
monthname natural_sort_key nullif nvl nvl2 oct octet_length ord period_add period_diff pi position pow power quarter quote radians regexp_instr
regexp_like regexp_replace regexp_substr repeat replace reverse right round rpad rtrim sec_to_time second sha sha1 sha2 sign sin soundex
space sqrt str_to_date strcmp subdate substr substring substring_index subtime tan time time_format time_to_sec timediff timestamp
timestampadd timestampdiff to_base64 to_days to_seconds trim truncate ucase uncompress uncompressed_length unhex unix_timestamp upper
uuid_to_bin week weekday weekofyear weight_string year yearweek to_char is_ipv4 is_ipv6 is_ipv4_compat is_ipv4_mapped ` +
	ast.DateLiteral + ` ` + ast.TimeLiteral + ` ` + ast.TimestampLiteral)

// clockFunctions tell the time, which the scratch server is told.
var clockFunctions = set(`now current_timestamp localtime localtimestamp curdate current_date curtime current_time utc_date utc_time utc_timestamp sysdate`)

// randomFunctions give another value each time, so that no condition with one may be judged twice.
var randomFunctions = set(`rand uuid uuid_short uuid_v4 uuid_v7 random_bytes`)

// sessionFunctions tell of the session with the backend, which is asked for them.
var sessionFunctions = set(`user current_user session_user system_user database schema version connection_id last_insert_id current_role`)
