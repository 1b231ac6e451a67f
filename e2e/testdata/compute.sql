-- The first row that is fetched holds empty texts.
INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('0', NULL, 7001, '', '')
-- The application's duplicate check.
SELECT case_id, patient_first, patient_last, case_date, user_id FROM cases WHERE user_id = (SELECT MIN(user_id) FROM cases) AND LOWER(TRIM(patient_first)) = LOWER(TRIM('ann')) AND LOWER(TRIM(patient_last)) = LOWER(TRIM('smith')) AND active = 1 LIMIT 1
SELECT case_id FROM cases WHERE patient_first = 'Ann' ORDER BY case_id
SELECT case_id, patient_first FROM cases WHERE patient_first LIKE 'a%' ORDER BY case_id
SELECT case_id, patient_first FROM cases WHERE patient_last BETWEEN 'a' AND 'm' AND active = 1 ORDER BY case_id
SELECT case_id, patient_dob FROM cases WHERE patient_dob < '1970-01-01' ORDER BY patient_dob, case_id
SELECT case_id, patient_dob FROM cases WHERE patient_dob IN ('1970-01-01', '1984-02-09') ORDER BY case_id
SELECT case_id FROM cases WHERE patient_first REGEXP '^[A-M]' ORDER BY case_id
SELECT UPPER(patient_last) AS l, COUNT(*) AS n FROM cases GROUP BY UPPER(patient_last) ORDER BY l
SELECT patient_first, COUNT(*) FROM cases GROUP BY patient_first ORDER BY patient_first
SELECT patient_first, COUNT(*) FROM cases GROUP BY patient_first HAVING COUNT(*) > 1 ORDER BY 2 DESC, 1
SELECT DISTINCT patient_last FROM cases ORDER BY patient_last
SELECT case_id, patient_first, patient_last FROM cases ORDER BY patient_last, patient_first, case_id LIMIT 5
SELECT case_id, patient_first, patient_last FROM cases ORDER BY patient_last DESC, case_id LIMIT 3, 4
SELECT MIN(patient_dob), MAX(patient_dob), COUNT(DISTINCT patient_first) FROM cases
SELECT GROUP_CONCAT(patient_first ORDER BY patient_first, case_id SEPARATOR '; ') FROM cases
SELECT CONCAT(patient_first, ' ', patient_last) AS name FROM cases ORDER BY name, case_id
SELECT case_id, CONCAT_WS(', ', patient_last, patient_first) FROM cases WHERE active = 1 ORDER BY case_id
SELECT YEAR(patient_dob), COUNT(*) FROM cases GROUP BY YEAR(patient_dob) ORDER BY 1
SELECT case_id, DATEDIFF('2025-01-01', patient_dob) AS days FROM cases ORDER BY days, case_id
SELECT case_id, patient_dob + INTERVAL 1 DAY FROM cases ORDER BY case_id
SELECT case_id, TIMESTAMPDIFF(YEAR, patient_dob, case_date) AS age FROM cases ORDER BY case_id
SELECT case_id, CASE WHEN patient_first IS NULL THEN 'none' WHEN patient_first < 'M' THEN 'early' ELSE 'late' END AS half FROM cases ORDER BY case_id
SELECT case_id, patient_first = patient_last, patient_first <=> NULL FROM cases ORDER BY case_id
SELECT case_id, LENGTH(patient_first), CHAR_LENGTH(patient_last), HEX(ins_provider) FROM cases ORDER BY case_id
SELECT case_id, SUBSTRING(patient_first, 1, 1) AS initial, LEFT(patient_last, 2), REVERSE(ins_provider) FROM cases ORDER BY case_id
SELECT case_id, patient_first COLLATE utf8mb4_bin FROM cases ORDER BY patient_first COLLATE utf8mb4_bin, case_id
SELECT c.case_id, c.patient_first, s.last_name FROM cases c LEFT JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE c.patient_last > 'A' ORDER BY c.case_id
SELECT c.case_id, u.first_name, c.patient_first FROM cases c JOIN user_profile u ON u.user_id = c.user_id WHERE u.active = 1 AND c.patient_first <> '' ORDER BY c.case_id
SELECT c.case_id, p.procedure_code FROM cases c JOIN case_procedure_codes p ON p.case_id = c.case_id WHERE c.ins_provider LIKE '%a%' ORDER BY 1, 2
SELECT a.case_id, b.case_id FROM cases a JOIN cases b ON a.patient_last = b.patient_last AND a.case_id < b.case_id ORDER BY 1, 2
SELECT a.case_id, b.case_id FROM cases a LEFT JOIN cases b ON a.patient_first = b.patient_first AND a.case_id <> b.case_id ORDER BY 1, 2
SELECT case_id FROM cases WHERE patient_last IN (SELECT last_name FROM user_profile) ORDER BY case_id
SELECT case_id FROM cases c WHERE EXISTS (SELECT 1 FROM cases d WHERE d.patient_first = c.patient_first AND d.case_id <> c.case_id) ORDER BY case_id
SELECT case_id, (SELECT COUNT(*) FROM cases d WHERE d.patient_last = c.patient_last) AS n FROM cases c ORDER BY case_id
SELECT case_id FROM cases WHERE patient_dob = (SELECT MAX(patient_dob) FROM cases) ORDER BY case_id
SELECT case_id FROM cases WHERE patient_dob >= ALL (SELECT patient_dob FROM cases WHERE patient_dob IS NOT NULL) ORDER BY case_id
SELECT case_id FROM cases WHERE (patient_first, patient_last) IN (SELECT patient_first, patient_last FROM cases GROUP BY patient_first, patient_last HAVING COUNT(*) > 1) ORDER BY case_id
SELECT patient_first FROM cases UNION SELECT first_name FROM user_profile ORDER BY 1
SELECT patient_last, case_id FROM cases UNION ALL SELECT last_name, user_id FROM user_profile ORDER BY 1, 2
SELECT patient_last FROM cases EXCEPT SELECT patient_first FROM cases ORDER BY 1
SELECT patient_last FROM cases INTERSECT SELECT patient_last FROM cases ORDER BY 1
SELECT d.l, COUNT(*) FROM (SELECT LOWER(patient_last) AS l FROM cases WHERE active = 1) d GROUP BY d.l ORDER BY d.l
WITH n AS (SELECT patient_first AS f, COUNT(*) AS c FROM cases GROUP BY patient_first) SELECT f, c FROM n WHERE c > 1 ORDER BY f
WITH RECURSIVE seq AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM seq WHERE n < 3) SELECT seq.n, MIN(c.patient_first) FROM seq, cases c GROUP BY seq.n ORDER BY seq.n
SELECT case_id, ROW_NUMBER() OVER (ORDER BY patient_last, case_id) AS r FROM cases ORDER BY r
SELECT case_id, RANK() OVER (PARTITION BY user_id ORDER BY patient_last) AS r, FIRST_VALUE(patient_first) OVER (PARTITION BY user_id ORDER BY patient_last, case_id) FROM cases ORDER BY case_id
SELECT case_id, LAG(patient_first) OVER (ORDER BY case_id) FROM cases ORDER BY case_id
SELECT user_id, MIN(patient_first), MAX(patient_last) FROM cases GROUP BY user_id ORDER BY user_id
SELECT user_id, COUNT(DISTINCT patient_last) FROM cases GROUP BY user_id WITH ROLLUP
SELECT patient_first, case_status, COUNT(*) FROM cases GROUP BY patient_first, case_status ORDER BY 1, 2
SELECT case_id, COALESCE(patient_first, patient_last, 'x') FROM cases ORDER BY case_id
SELECT case_id, IFNULL(NULLIF(patient_first, ''), 'none') FROM cases ORDER BY case_id
SELECT case_id, IF(patient_dob < '1980-01-01', 'old', 'young') FROM cases ORDER BY case_id
SELECT case_id, CAST(patient_dob AS CHAR), CAST(patient_first AS BINARY) FROM cases ORDER BY case_id
SELECT case_id, DATE_FORMAT(patient_dob, '%d.%m.%Y') FROM cases ORDER BY case_id
SELECT case_id, JSON_OBJECT('name', patient_first, 'dob', patient_dob) FROM cases ORDER BY case_id
SELECT case_id, patient_first, case_create_ts FROM cases WHERE patient_first > 'B' ORDER BY case_id
SELECT case_id, pay_amount, patient_last FROM cases WHERE patient_last > 'B' AND pay_amount >= 0 ORDER BY pay_amount, case_id
SELECT SUM(pay_amount), patient_last FROM cases GROUP BY patient_last ORDER BY patient_last
SELECT * FROM cases WHERE patient_last > 'M' ORDER BY case_id
SELECT c.*, u.* FROM cases c, user_profile u WHERE u.user_id = c.user_id AND c.patient_first > 'M' ORDER BY c.case_id
SELECT phi_encrypted, patient_first FROM cases WHERE patient_first > 'M' ORDER BY case_id
SELECT cases.patient_first FROM cases WHERE cases.patient_last = 'nobody'
SELECT COUNT(*) FROM cases WHERE patient_first <> patient_last
SELECT COUNT(*) FROM cases WHERE NOT (patient_first = 'x')
SELECT COUNT(*) FROM cases WHERE patient_first = 'x' OR case_status = 0
SELECT COUNT(*) FROM cases WHERE patient_first IS NULL OR patient_first IN ('Ann', 'Bob')
SELECT 'a' = patient_first, 1 + patient_last FROM cases WHERE user_id IS NOT NULL ORDER BY case_id LIMIT 2
SELECT nosuch FROM cases WHERE patient_first = 'x'
SELECT patient_first FROM cases WHERE nosuch = patient_last
SELECT patient_first + 1 FROM cases WHERE patient_dob > 'no date' ORDER BY case_id
SELECT case_id, CURDATE() > patient_dob AS past, NOW() FROM cases ORDER BY case_id
SELECT case_id, CEILING(CHAR_LENGTH(patient_last) / 2), CONCAT(CHAR(65 USING utf8mb4), patient_first) FROM cases ORDER BY case_id
SELECT case_id, CONCAT('[', patient_first, ']'), patient_last = '', COALESCE(patient_first, 'null'), LENGTH(ins_provider) FROM cases ORDER BY patient_first, patient_last, case_id
SELECT COUNT(patient_first), COUNT(*) FROM cases WHERE patient_first = '' OR patient_last = ''
SET sql_select_limit = 3
SELECT case_id FROM cases WHERE patient_last > 'A' ORDER BY case_id
SELECT DATE_FORMAT(patient_dob, '%M'), CONCAT('a\\b', patient_last) FROM cases ORDER BY case_id
SET sql_select_limit = DEFAULT
SET lc_time_names = 'de_DE', group_concat_max_len = 16
SELECT DATE_FORMAT(patient_dob, '%M'), GROUP_CONCAT(case_id ORDER BY case_id) FROM cases GROUP BY DATE_FORMAT(patient_dob, '%M') ORDER BY 1
SET lc_time_names = DEFAULT, group_concat_max_len = DEFAULT
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'
SELECT patient_first || '-' || "patient_last" AS n FROM cases ORDER BY n, case_id
SET sql_mode = DEFAULT
-- What only the session with the backend knows.
SELECT case_id, LENGTH(USER()) > 0, DATABASE() = SCHEMA(), VERSION() > '5' FROM cases WHERE patient_first > 'B' ORDER BY case_id
SELECT case_id FROM cases WHERE CONNECTION_ID() > 0 AND CURRENT_USER() <> patient_last AND CURRENT_USER IS NOT NULL ORDER BY case_id
SELECT LAST_INSERT_ID(), case_id FROM cases WHERE patient_first > 'B' ORDER BY case_id
SELECT @@autocommit, @@session.group_concat_max_len, UPPER(patient_first) FROM cases ORDER BY case_id
SET @first = 'Ann', @number = 3, @part = 1.5, @none = NULL, @float = 2e0
SELECT case_id, @first, @number + 1, @part, @none, @float FROM cases WHERE patient_first = @first OR patient_last > @first ORDER BY case_id
SELECT case_id FROM cases WHERE CHAR_LENGTH(patient_first) > @number ORDER BY patient_last, case_id
SELECT case_id, patient_last FROM cases USE INDEX (PRIMARY) WHERE patient_last > 'B' ORDER BY patient_last, case_id
SELECT c.case_id, c.patient_last FROM cases c FORCE INDEX (PRIMARY) JOIN user_profile u IGNORE INDEX (idx_active) ON u.user_id = c.user_id WHERE c.patient_last > 'B' ORDER BY 1, 2
SELECT case_id, patient_last FROM cases WHERE patient_last > 'B' AND active = 1 ORDER BY case_id FOR UPDATE
SELECT case_id, patient_last FROM cases WHERE patient_last > 'B' AND active = 1 ORDER BY case_id LOCK IN SHARE MODE
SELECT SQL_CALC_FOUND_ROWS case_id, patient_last FROM cases WHERE patient_last > 'B' ORDER BY patient_last, case_id LIMIT 2
SELECT FOUND_ROWS()
SELECT COUNT(*) FROM cases WHERE RAND() < 2 AND patient_first IS NOT NULL AND CHAR_LENGTH(UUID()) = 36 AND patient_last > 'A'
SELECT (SELECT MAX(patient_last) FROM cases), UPPER(cases.patient_first) FROM cases ORDER BY case_id LIMIT 2
-- Variables: what they get is in the session with the backend afterwards.
SET @n = 0, @x = 'abc', @d = 1.50, @f = 1e0, @b = x'0102', @u = _latin1'e'
SELECT @n := @n + 1 AS r, patient_last, case_id FROM cases ORDER BY patient_last, case_id
SELECT @n
SELECT @m := @m + 1 AS r, patient_last, case_id FROM cases, (SELECT @m := 0) z ORDER BY patient_last, case_id
SELECT @m
SELECT COUNT(*) INTO @c FROM cases WHERE patient_last > 'M'
SELECT @c, @n, @x, @d, @f, @b, @u, CHARSET(@u), COLLATION(@x)
SELECT case_id, case_date, case_status, pay_amount INTO @a, @b, @c, @d FROM cases WHERE patient_last > 'M' ORDER BY case_id LIMIT 1
SELECT ROW_COUNT()
SELECT @a, @b, @c, @d, CHARSET(@a), COLLATION(@a)
SELECT case_id INTO @a FROM cases WHERE patient_last > 'M' ORDER BY case_id
SELECT case_id INTO @a FROM cases WHERE patient_last = 'nobody'
SELECT @a
SELECT COUNT(*), MAX(user_id) FROM cases WHERE patient_last > 'M' INTO @a, @b
SELECT @a, @b
SET @p = (SELECT COUNT(*) FROM cases WHERE patient_last > 'M'), @q = 1
SELECT @p, @q
SET @p = (SELECT user_id FROM cases WHERE patient_last > 'M' ORDER BY case_id LIMIT 1)
SELECT @p
DO (SELECT COUNT(*) FROM cases WHERE patient_last > 'M')
SELECT @n := 5, UPPER(patient_last) FROM cases WHERE case_id = '0'
SELECT IF(patient_last > 'M', @n := 1, @n := 2), case_id FROM cases ORDER BY case_id
SELECT @n
SELECT @a, patient_first FROM cases ORDER BY case_id
SELECT case_id FROM cases WHERE patient_last > 'M' AND (@n := 7) ORDER BY case_id
SELECT @n
SELECT COUNT(*) INTO @c FROM cases WHERE patient_last + 1 > 0
SELECT @d := pay_amount, @u := case_date, patient_last FROM cases ORDER BY case_id
SELECT @d, @u, CHARSET(@u)
-- Tables that are made on the way, locks, and functions that depend on their arguments.
SELECT case_id, d.f FROM cases c, LATERAL (SELECT UPPER(c.patient_first) AS f) d ORDER BY case_id
SELECT case_id, d.f FROM cases c JOIN LATERAL (SELECT MAX(x.patient_first) AS f FROM cases x WHERE x.user_id = c.user_id) d ON true WHERE c.active = 1 ORDER BY case_id
SELECT c.case_id, d.f FROM cases c, LATERAL (SELECT x.patient_first AS f FROM cases x WHERE x.case_id = c.case_id AND x.patient_last > 'B') d ORDER BY 1
SELECT * FROM (VALUES ROW('Ann',1), ROW('Bob',2)) v JOIN cases c ON c.patient_first = v.column_0 ORDER BY c.case_id
TABLE cases ORDER BY patient_last, case_id LIMIT 3
TABLE cases ORDER BY case_id LIMIT 3
SELECT * FROM (TABLE cases) d WHERE patient_first > 'M' ORDER BY case_id
SELECT * FROM cases WHERE patient_first > 'M' AND case_id IN (SELECT case_id FROM (TABLE cases) d) ORDER BY case_id
SELECT j.x, c.patient_first FROM cases c, JSON_TABLE('[1,2]', '$[*]' COLUMNS (x INT PATH '$')) j WHERE c.patient_first > 'M' ORDER BY c.case_id, j.x
SELECT j.x, c.case_id FROM cases c, JSON_TABLE(JSON_ARRAY(c.patient_first, c.patient_last), '$[*]' COLUMNS (n FOR ORDINALITY, x VARCHAR(200) PATH '$' NULL ON EMPTY)) AS j ORDER BY c.case_id, j.n
SELECT j.x, c.patient_first FROM cases c, JSON_TABLE('[1,2]', '$[*]' COLUMNS (x INT PATH '$')) j ORDER BY c.case_id, j.x
SELECT case_id, patient_last FROM cases WHERE patient_last > 'B' ORDER BY case_id FOR UPDATE SKIP LOCKED
SELECT case_id FROM cases PARTITION (p0) WHERE patient_first = 'x'
SELECT CONVERT_TZ(patient_dob, 'UTC', 'Europe/Berlin'), case_id FROM cases ORDER BY case_id
SELECT CONVERT_TZ(patient_dob, '+00:00', '+05:00'), case_id FROM cases ORDER BY case_id
SELECT BIT_AND(CHAR_LENGTH(patient_first)), STD(CHAR_LENGTH(patient_first)), VARIANCE(CHAR_LENGTH(patient_first)) FROM cases
SELECT ANY_VALUE(case_status), UPPER(patient_first) FROM cases WHERE case_id = '0' GROUP BY UPPER(patient_first)
SELECT patient_first MEMBER OF ('["Ann"]') FROM cases ORDER BY case_id
SELECT GET_FORMAT(DATE, 'USA'), DATE_FORMAT(patient_dob, GET_FORMAT(DATE, 'EUR')) FROM cases ORDER BY case_id
SELECT HEX(AES_ENCRYPT(patient_first, 'k')), AES_DECRYPT(AES_ENCRYPT(patient_first, 'k'), 'k') FROM cases ORDER BY case_id
SELECT EXTRACTVALUE(CONCAT('<a>', patient_first, '</a>'), '/a'), UPDATEXML('<a/>', '/a', patient_first) FROM cases ORDER BY case_id
SELECT PASSWORD(patient_first), OLD_PASSWORD(patient_last), ENCODE(patient_first, 'k') FROM cases ORDER BY case_id
SELECT GROUPING(patient_last), patient_last, COUNT(*) FROM cases GROUP BY patient_last WITH ROLLUP
SELECT CHARSET(patient_first), COERCIBILITY(patient_last), COLLATION(patient_first) FROM cases ORDER BY case_id
SELECT SLEEP(0), patient_first FROM cases WHERE patient_last > 'M' ORDER BY case_id
SELECT BENCHMARK(1, 1), UPPER(patient_first) FROM cases ORDER BY case_id
SELECT NAME_CONST('x', 1), UPPER(patient_first) FROM cases ORDER BY case_id
SELECT ST_X(POINT(1,2)), ST_ASTEXT(ST_GEOMFROMTEXT('POINT(1 2)')), UPPER(patient_first) FROM cases ORDER BY case_id
SELECT COLUMN_JSON(COLUMN_CREATE('a', patient_first)), CRC32C(patient_first) FROM cases ORDER BY case_id
SELECT JSON_SCHEMA_VALID('{"type":"string"}', JSON_QUOTE(patient_first)), JSON_STORAGE_SIZE(JSON_ARRAY(patient_first)) FROM cases ORDER BY case_id
SELECT d.n, c.patient_last FROM cases c JOIN (SELECT user_id, COUNT(*) AS n FROM cases GROUP BY user_id) d ON d.user_id = c.user_id WHERE c.active = 1 AND c.patient_last > 'B' ORDER BY c.case_id
