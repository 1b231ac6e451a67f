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
// run (MySQL manual, "Built-In Function and Operator Reference"; MariaDB, "Built-in Functions"). Those that neither this list nor
// another one names are refused: locks, files, sequences, replication, loadable ones, and all that nobody has thought about.
var pureFunctions = set(`
abs acos adddate addtime ascii asin atan atan2 bin bin_to_uuid bit_count bit_length ceil ceiling char char_func char_length
character_length chr coalesce coercibility collation compress concat concat_ws conv convert cos cot crc32 date date_add date_format date_sub
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
uuid_to_bin week weekday weekofyear weight_string year yearweek to_char is_ipv4 is_ipv6 is_ipv4_compat is_ipv4_mapped
add_months aes_decrypt aes_encrypt any_value charset column_add column_check column_create column_delete column_exists column_json column_list crc32c decode encode
extractvalue format_bytes format_pico_time get_format grouping gtid_subset gtid_subtract json_arrayagg json_equals json_key_value json_memberof json_array_intersect
json_object_filter_keys json_object_to_array json_objectagg json_schema_valid json_schema_validation_report json_storage_free name_const old_password password
statement_digest statement_digest_text updatexml uuid_timestamp from_vector to_vector string_to_vector vector_dim vector_to_string vec_distance
vec_distance_cosine vec_distance_euclidean vec_fromtext vec_totext
geomcollection geometrycollection linestring mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequals mbrintersects mbroverlaps mbrtouches mbrwithin multilinestring
multipoint multipolygon point polygon st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_boundary st_buffer st_buffer_strategy st_centroid st_contains
st_convexhull st_crosses st_difference st_dimension st_disjoint st_distance st_distance_sphere st_endpoint st_envelope st_equals st_exteriorring
st_frechetdistance st_geohash st_geomcollfromtext st_geomcollfromwkb st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb
st_hausdorffdistance st_interiorringn st_intersection st_intersects st_isclosed st_isempty st_isring st_issimple st_isvalid st_latfromgeohash st_latitude
st_length st_linefromtext st_linefromwkb st_lineinterpolatepoint st_lineinterpolatepoints st_longfromgeohash st_longitude st_makeenvelope st_mlinefromtext
st_mlinefromwkb st_mpointfromtext st_mpointfromwkb st_mpolyfromtext st_mpolyfromwkb st_numgeometries st_numinteriorring st_numinteriorrings st_numpoints
st_overlaps st_pointatdistance st_pointfromgeohash st_pointfromtext st_pointfromwkb st_pointn st_pointonsurface st_polyfromtext st_polyfromwkb st_relate
st_simplify st_srid st_startpoint st_swapxy st_symdifference st_touches st_transform st_union st_validate st_within st_x st_y ` +
	ast.DateLiteral + ` ` + ast.TimeLiteral + ` ` + ast.TimestampLiteral)

// clockFunctions tell the time, which the scratch server is told.
var clockFunctions = set(`now current_timestamp localtime localtimestamp curdate current_date curtime current_time utc_date utc_time utc_timestamp sysdate`)

// randomFunctions give another value each time, or take their time, so that no condition with one may be judged twice.
var randomFunctions = set(`rand uuid uuid_short uuid_v4 uuid_v7 random_bytes sys_guid sleep benchmark`)

// sessionFunctions tell of the session with the backend, which is asked for them.
var sessionFunctions = set(`user current_user session_user system_user database schema version connection_id last_insert_id current_role`)

// jsonTableWords stand in front of parentheses in JSON_TABLE(..) without being functions.
var jsonTableWords = set(`json_table columns varchar char decimal numeric dec fixed binary varbinary float double real datetime time timestamp int integer bigint
tinyint smallint mediumint text blob year bit character national`)
