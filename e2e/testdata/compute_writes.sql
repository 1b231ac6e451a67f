-- Rows chosen by protected values.
UPDATE cases SET case_status = 7 WHERE patient_first = 'Ann'
UPDATE cases SET case_status = 8, pay_amount = pay_amount + 1 WHERE LOWER(TRIM(patient_last)) LIKE 's%' AND active = 1
UPDATE cases SET case_status = 9 WHERE patient_dob < '1970-01-01' OR patient_dob IS NULL
UPDATE cases SET case_status = 10 ORDER BY patient_last DESC, case_id LIMIT 3
UPDATE cases SET case_status = 11 WHERE patient_first > 'B' ORDER BY patient_dob, case_id LIMIT 2
UPDATE cases SET case_status = 12 WHERE patient_first = 'nobody of this name'
UPDATE cases SET case_status = case_status WHERE patient_first > 'A'
UPDATE cases c SET c.case_status = 13 WHERE c.patient_first BETWEEN 'C' AND 'M' AND c.user_id IS NOT NULL
UPDATE cases SET case_status = 14 WHERE cases.patient_last REGEXP '^[A-K]'
UPDATE cases SET patient_first = 'Zoe' WHERE patient_first < 'C'
UPDATE cases SET patient_first = 'Zoe', ins_provider = NULL WHERE patient_first = 'zoe'
UPDATE cases SET patient_first = '' WHERE CHAR_LENGTH(patient_last) = 5
UPDATE cases SET patient_last = 'Meyer' WHERE (patient_first, patient_last) IN (('Zoe', 'Smith'), ('', 'Jones'))
UPDATE cases SET phi_encrypted = 0, case_status = 14 WHERE patient_first = 'Zoe' AND phi_encrypted = 0
UPDATE IGNORE cases SET case_status = 15 WHERE patient_first = 'Zoe'
UPDATE cases SET case_status = 16 WHERE patient_first = 5
UPDATE cases SET case_status = 17 WHERE patient_dob = 'no date'
UPDATE cases SET case_status = 18 WHERE patient_dob = CURDATE()
DELETE FROM cases WHERE patient_last = 'nobody of this name'
DELETE FROM cases WHERE patient_first = 'Zoe' AND patient_dob < '1965-01-01'
DELETE FROM cases WHERE patient_last > 'A' ORDER BY patient_last, case_id LIMIT 1
DELETE FROM cases ORDER BY patient_dob DESC, case_id LIMIT 1
DELETE LOW_PRIORITY FROM cases WHERE cases.patient_last LIKE 'Q%'
DELETE FROM cases WHERE patient_first = 5
-- Values that are computed.
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob) VALUES ('cw1', '{P1}', UPPER('x'), CONCAT('a', 'b'), '1980-01-05' + INTERVAL 1 DAY)
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob) VALUES ('cw2', '{P1}', REPEAT('x', 300), 'b', NULL)
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob) VALUES ('cw3', '{P1}', 1 + 2, 1.50, CURDATE()), ('cw4', '{P2}', LEFT('Robert', 3), TRIM('  x '), NOW())
INSERT INTO cases SET case_id = 'cw5', user_id = '{P2}', patient_first = LOWER('ABC'), patient_last = NULL, patient_dob = DATE_ADD('2000-02-28', INTERVAL 1 DAY)
INSERT INTO cases SET case_id = 'cw6', user_id = '{P2}', patient_first = CONCAT('it''s', CHAR(92)), patient_last = ''
INSERT IGNORE INTO cases (case_id, user_id, patient_first, patient_dob) VALUES ('cw7', '{P1}', REPEAT('y', 251), STR_TO_DATE('31.02.2001', '%d.%m.%Y'))
REPLACE INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('cw7', '{P1}', UPPER('again'), 'Same'), ('cw8', '{P1}', 'new', CONCAT('o', 'ne'))
INSERT INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('cw8', '{P1}', UPPER('upd'), REVERSE('abc')) ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first), case_status = 3
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('cw8', '{P1}', UPPER('dup'))
INSERT INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('cw9', '{P1}', DEFAULT, UPPER('x'))
INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('cw10', '{P1}', '1980-1-5')
INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('cw11', '{P1}', '80-01-05')
INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('cw12', '{P1}', 19800105)
INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('cw13', '{P1}', '1980-01-05 10:11:12')
INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('cw14', '{P1}', '1980/01/05'), ('cw15', '{P1}', '1980.02.06')
INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('cw16', '{P1}', '19800105T101112')
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('cw17', '{P1}', 1e3), ('cw18', '{P1}', -0.50)
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('cw19', '{P1}', b'1000001')
INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('cw20', '{P1}', 'no date')
-- Assignments that compute.
UPDATE cases SET patient_last = CONCAT(patient_last, ' Jr') WHERE case_id = 'cw1'
UPDATE cases SET patient_last = CONCAT(patient_last, ' Jr')
UPDATE cases SET patient_dob = patient_dob + INTERVAL 1 DAY WHERE patient_dob IS NOT NULL
UPDATE cases SET patient_first = UPPER(patient_first) WHERE active = 1
UPDATE cases SET patient_first = UPPER(patient_first) WHERE active = 1
UPDATE cases SET patient_first = patient_last, patient_last = patient_first WHERE case_id < 'd'
UPDATE cases SET case_status = 4, patient_first = CONCAT(patient_first, case_status) WHERE patient_last LIKE '%Jr'
UPDATE cases SET patient_first = CONCAT(patient_first, case_status), case_status = 5 WHERE patient_last LIKE '%Jr'
UPDATE cases SET patient_first = NULL, patient_last = COALESCE(patient_first, 'none') WHERE case_id = 'cw3'
UPDATE cases SET ins_provider = CONCAT_WS(' ', patient_first, patient_last, pay_amount, case_create_ts) ORDER BY case_id LIMIT 4
UPDATE cases SET patient_first = REPEAT('z', 260) WHERE case_id = 'cw1'
UPDATE IGNORE cases SET patient_first = REPEAT('z', 260) WHERE case_id = 'cw1'
UPDATE cases SET patient_dob = '1980-1-7' WHERE case_id = 'cw1'
UPDATE cases SET patient_dob = 19800108 WHERE patient_last = 'nobody'
UPDATE cases SET patient_dob = 'no date' WHERE patient_first > ''
UPDATE cases SET patient_dob = NOW() WHERE case_id IN ('cw1', 'cw5')
UPDATE cases SET user_id = '{P3}', patient_first = CONCAT(patient_first, '!') WHERE case_id = 'cw4'
UPDATE cases SET user_id = '{P3}' WHERE patient_first = 'ABC'
UPDATE cases SET patient_first = DEFAULT WHERE patient_first = 'again'
UPDATE cases SET patient_last = CASE WHEN patient_dob < '1980-01-01' THEN 'old' ELSE LEFT(patient_last, 3) END WHERE user_id = '{P1}'
UPDATE cases c SET c.patient_last = CONCAT(c.patient_last, c.case_id) WHERE c.patient_last <> '' ORDER BY c.patient_last, c.case_id LIMIT 3
UPDATE cases SET patient_first = patient_first + 1 WHERE case_id = 'cw5'
DELETE FROM cases WHERE ins_provider LIKE '%cw%' OR patient_last LIKE 'old%'
-- Subqueries.
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob, pay_amount, case_status) VALUES ('s1', '{P1}', 'Ann', 'Smith', '1970-01-02', 1.5, 1), ('s2', '{P1}', 'Bob', 'Jones', '1980-02-03', 2.5, 2), ('s3', '{P2}', 'Cyd', 'Smith', NULL, 3.5, 3), ('s4', '{P2}', 'Dan', NULL, '1990-03-04', NULL, 4), ('s5', '{P3}', 'Émile', 'Zola', '2000-02-29', 5, 5), ('s6', '{P1}', 'Ann', 'Smith', '1971-01-02', 6, 6)
INSERT INTO surgeon_list (surgeon_id, user_id, first_name, last_name, surgeon_npi) VALUES (1, '{P1}', 'Ann', 'Smith', 11), (2, '{P2}', 'Sue', 'Jones', 12), (3, '{P1}', 'Zed', 'Zola', 13)
UPDATE cases SET case_status = 31 WHERE patient_last IN (SELECT last_name FROM surgeon_list WHERE surgeon_npi < 13)
UPDATE cases SET case_status = 32 WHERE EXISTS (SELECT 1 FROM surgeon_list s WHERE s.user_id = cases.user_id AND s.first_name = cases.patient_first)
UPDATE cases c SET c.case_status = 33 WHERE c.patient_first = (SELECT MIN(s.first_name) FROM surgeon_list s) ORDER BY c.patient_dob DESC LIMIT 1
UPDATE cases SET case_status = 34 WHERE patient_last = (SELECT last_name FROM surgeon_list)
UPDATE cases SET case_status = 35 WHERE patient_last > ALL (SELECT last_name FROM surgeon_list WHERE surgeon_npi < 13)
UPDATE cases SET case_status = 36 WHERE patient_last NOT IN (SELECT d.n FROM (SELECT DISTINCT last_name AS n FROM surgeon_list) d)
UPDATE cases SET case_status = 37 WHERE case_id IN (SELECT case_id FROM deleted_cases WHERE patient_first = 'x')
UPDATE cases SET case_status = 38 WHERE patient_first IN (SELECT patient_first FROM cases)
UPDATE cases SET case_status = 39 WHERE case_id IN (SELECT x.id FROM (SELECT MIN(case_id) AS id FROM cases GROUP BY patient_first) x)
UPDATE cases SET case_status = 40 WHERE case_id IN (SELECT x.id FROM (SELECT case_id AS id FROM cases WHERE patient_first = 'Bob') x)
UPDATE cases SET patient_last = (SELECT last_name FROM surgeon_list WHERE surgeon_id = 3) WHERE case_id = 's4'
UPDATE cases SET patient_last = (SELECT CONCAT(s.last_name, '-', cases.patient_first) FROM surgeon_list s WHERE s.user_id = cases.user_id ORDER BY s.surgeon_id LIMIT 1) WHERE case_id LIKE 's%'
UPDATE cases SET patient_last = (SELECT last_name FROM surgeon_list)
UPDATE cases SET patient_first = (SELECT MAX(patient_first) FROM cases) WHERE case_id = 's2'
UPDATE cases SET patient_first = (SELECT x.m FROM (SELECT MAX(patient_first) AS m FROM cases) x) WHERE case_id = 's2'
UPDATE cases SET patient_first = (SELECT x.m FROM (SELECT patient_first AS m FROM cases WHERE case_id = 's1') x), case_status = 41 WHERE patient_last LIKE 'Z%'
UPDATE cases SET patient_dob = (SELECT '2001-02-30' FROM surgeon_list LIMIT 1) WHERE case_id = 's1'
UPDATE IGNORE cases SET patient_dob = (SELECT '2001-02-30' FROM surgeon_list LIMIT 1) WHERE case_id = 's1'
DELETE FROM cases WHERE patient_last IN (SELECT last_name FROM surgeon_list WHERE surgeon_npi = 12)
DELETE FROM cases WHERE patient_first = (SELECT MAX(first_name) FROM surgeon_list) ORDER BY patient_last LIMIT 1
DELETE FROM cases WHERE patient_first = (SELECT first_name FROM surgeon_list)
DELETE FROM cases WHERE patient_first IN (SELECT MAX(patient_first) FROM cases)
DELETE FROM cases WHERE case_id IN (SELECT x.id FROM (SELECT MAX(case_id) AS id FROM cases GROUP BY patient_first HAVING COUNT(*) > 4) x)
DELETE FROM cases WHERE patient_first = 'Bob' AND EXISTS (SELECT * FROM surgeon_list s WHERE s.user_id = cases.user_id)
INSERT INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('s7', '{P1}', (SELECT MAX(first_name) FROM surgeon_list), 'x'), ('s8', '{P2}', 'y', (SELECT CONCAT(last_name, '!') FROM surgeon_list WHERE surgeon_id = 1))
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('s9', '{P1}', (SELECT first_name FROM surgeon_list))
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('s9', '{P1}', (SELECT MAX(patient_first) FROM cases))
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('s10', '{P1}', (SELECT x.m FROM (SELECT MAX(patient_first) AS m FROM cases) x))
INSERT INTO cases SET case_id = 's11', user_id = '{P3}', patient_dob = (SELECT MAX(patient_dob) FROM deleted_cases), patient_first = (SELECT REPEAT(first_name, 100) FROM surgeon_list WHERE surgeon_id = 1)
INSERT IGNORE INTO cases SET case_id = 's11', user_id = '{P3}', patient_first = (SELECT REPEAT(first_name, 100) FROM surgeon_list WHERE surgeon_id = 1)
REPLACE INTO cases (case_id, user_id, patient_first) VALUES ('s7', '{P1}', (SELECT LOWER(first_name) FROM surgeon_list WHERE surgeon_id = 1))
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('s7', '{P2}', (SELECT UPPER(first_name) FROM surgeon_list WHERE surgeon_id = 1)) ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first)
-- INSERT ... SELECT.
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob) SELECT CONCAT('i', surgeon_id), user_id, first_name, UPPER(last_name), '1999-12-31' FROM surgeon_list
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob) SELECT CONCAT('i', surgeon_id), user_id, first_name, UPPER(last_name), '1999-12-31' FROM surgeon_list
INSERT IGNORE INTO cases (case_id, user_id, patient_first) SELECT CONCAT('i', surgeon_id + 2), user_id, first_name FROM surgeon_list
INSERT IGNORE INTO cases (case_id, user_id, patient_first) SELECT CONCAT('ii', surgeon_id), user_id, REPEAT(first_name, 100) FROM surgeon_list
REPLACE INTO cases (case_id, user_id, patient_first) SELECT CONCAT('i', surgeon_id + 1), user_id, LOWER(first_name) FROM surgeon_list
INSERT INTO cases (case_id, user_id, patient_first) SELECT 'i9', '{P2}', first_name FROM surgeon_list WHERE surgeon_id = 1
INSERT INTO cases (case_id, user_id, patient_first) SELECT 'i10', '{P2}', first_name FROM surgeon_list WHERE surgeon_id = 99
INSERT INTO cases (case_id, user_id, patient_first, patient_last, case_create_ts, case_date, pay_amount) SELECT CONCAT(case_id, 'x'), user_id, patient_last, patient_first, case_create_ts, case_date, pay_amount * 2 FROM cases WHERE case_id LIKE 'i%'
INSERT INTO cases (case_id, user_id, patient_first) SELECT CONCAT(case_id, 'y'), '{P3}', CONCAT(patient_first, ' ', patient_last) FROM cases WHERE patient_last LIKE 'S%' ORDER BY patient_last, case_id LIMIT 2
INSERT INTO cases (case_id, user_id, patient_first, case_status) SELECT CONCAT('g', MIN(case_id)), MIN(user_id), patient_first, COUNT(*) FROM cases GROUP BY patient_first HAVING COUNT(*) > 1 ORDER BY 1
INSERT INTO cases (case_id, user_id, patient_first) SELECT 'u1', '{P1}', first_name FROM surgeon_list WHERE surgeon_id = 1 UNION ALL SELECT 'u2', '{P2}', patient_last FROM cases WHERE case_id = 'i1'
INSERT INTO cases (case_id, user_id, patient_dob) SELECT CONCAT('d', surgeon_id), user_id, CONCAT('2001-02-', 28 + surgeon_id) FROM surgeon_list
INSERT IGNORE INTO cases (case_id, user_id, patient_dob) SELECT CONCAT('d', surgeon_id), user_id, CONCAT('2001-02-', 28 + surgeon_id) FROM surgeon_list
INSERT INTO cases (case_id, user_id, patient_first) SELECT NULL, user_id, first_name FROM surgeon_list
INSERT INTO cases (user_id, patient_first) SELECT user_id, first_name FROM surgeon_list
INSERT INTO deleted_cases SELECT * FROM cases WHERE patient_first LIKE 'a%'
INSERT INTO deleted_cases (case_id, user_id, patient_first, patient_last) SELECT case_id, user_id, patient_first, 'gone' FROM cases WHERE case_id = 'i2'
INSERT INTO cases (case_id, user_id, patient_first) SELECT CONCAT('i', surgeon_id), user_id, CONCAT(first_name, '+') FROM surgeon_list WHERE surgeon_id < 100005 ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first), case_status = 77
INSERT INTO cases (case_id, user_id, patient_first) SELECT 'e1', '{P1}', (SELECT first_name FROM surgeon_list)
INSERT INTO cases (case_id, user_id, patient_first) (SELECT 'e2', s.user_id, d.patient_last FROM surgeon_list s JOIN cases d ON d.patient_first = s.first_name WHERE d.case_id = 'i1')
-- Several tables.
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob, pay_amount, case_status, surgeon_id) VALUES ('m1', '{P1}', 'Ann', 'Smith', '1970-01-02', 1.5, 1, 1), ('m2', '{P1}', 'Bob', 'Jones', '1980-02-03', 2.5, 2, 2), ('m3', '{P2}', 'Cyd', 'Smith', NULL, 3.5, 3, 2), ('m4', '{P2}', 'Dan', NULL, '1990-03-04', NULL, 4, NULL), ('m5', '{P3}', 'Émile', 'Zola', '2000-02-29', 5, 5, 3)
INSERT INTO deleted_cases (case_id, user_id, patient_first, patient_last) VALUES ('m1', '{P1}', 'Ann', 'Old'), ('m2', '{P1}', 'Bob', 'Older'), ('m3', '{P2}', 'Eve', 'Oldest')
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.case_status = 51 WHERE c.patient_last = s.last_name
UPDATE cases c, surgeon_list s SET c.case_status = s.surgeon_npi + 40, c.pay_amount = c.pay_amount + 0.25 WHERE s.surgeon_id = c.surgeon_id AND c.patient_first < 'C'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.patient_last = CONCAT(s.last_name, '-', c.patient_last), c.patient_first = UPPER(c.patient_first) WHERE c.case_id LIKE 'm%'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.patient_last = c.patient_last, c.case_status = c.case_status WHERE c.case_id LIKE 'm%'
UPDATE cases JOIN deleted_cases ON cases.patient_first = deleted_cases.patient_first SET cases.patient_last = deleted_cases.patient_last, deleted_cases.patient_last = 'both', deleted_cases.case_status = 9
UPDATE cases c LEFT JOIN deleted_cases d ON d.case_id = c.case_id AND d.patient_first = c.patient_first SET c.ins_provider = COALESCE(d.patient_last, 'none'), c.case_status = 60 WHERE c.case_id LIKE 'm%'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET s.surgeon_city = 'Berlin', c.case_status = 61 WHERE c.patient_last LIKE '%o%'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET s.surgeon_npi = s.surgeon_npi + 1 WHERE c.patient_first = 'ANN'
UPDATE cases c JOIN user_profile u ON u.user_id = c.user_id SET c.user_id = '{P4}', c.patient_last = CONCAT(c.patient_last, '!') WHERE c.case_id = 'm3' AND c.patient_first = 'CYD'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.patient_first = REPEAT(c.patient_first, 100) WHERE c.case_id LIKE 'm%'
UPDATE IGNORE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.patient_first = REPEAT(c.patient_first, 100) WHERE c.case_id = 'm1'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.patient_dob = c.patient_dob + INTERVAL 1 YEAR, c.paid_to_provider_ts = '2024-05-06 07:08:09', c.case_date = DATE(c.case_create_ts) WHERE c.patient_dob > '1900-01-01'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.case_status = 70 WHERE c.patient_last = 'nobody of this name'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.patient_first = LEFT(c.patient_first, 1), s.surgeon_id = 100001 WHERE c.case_id = 'm2'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.patient_first = DEFAULT, c.patient_last = NULL WHERE c.case_id = 'm5' AND c.patient_last > 'A'
UPDATE cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id SET c.case_status = 71 WHERE c.patient_last IN (SELECT last_name FROM surgeon_list)
UPDATE cases c JOIN (SELECT MAX(patient_last) AS m FROM deleted_cases) d ON c.patient_last >= d.m SET c.case_status = 72
UPDATE cases c JOIN cases o ON o.patient_first = c.patient_first AND o.case_id < c.case_id SET c.case_status = 73
UPDATE cases SET user_id = '{P5}', patient_last = CONCAT(COALESCE(patient_last, ''), user_id) WHERE case_id = 'm4'
DELETE c FROM cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE c.patient_last = CONCAT(s.last_name, '-Jones')
DELETE FROM c USING cases c JOIN surgeon_list s ON s.surgeon_id = c.surgeon_id WHERE c.patient_first LIKE 'É%'
DELETE cases, deleted_cases FROM cases JOIN deleted_cases ON cases.case_id = deleted_cases.case_id WHERE cases.patient_first > deleted_cases.patient_first
DELETE c FROM cases c WHERE c.patient_first = 'nobody of this name'
DELETE c FROM cases c LEFT JOIN deleted_cases d ON d.patient_first = c.patient_first WHERE c.case_id LIKE 'm%' AND d.case_id IS NULL
DELETE s FROM surgeon_list s JOIN cases c ON c.patient_first = s.first_name WHERE s.surgeon_id < 3
DELETE c FROM cases c WHERE c.patient_first = 5
DELETE c FROM cases c WHERE c.patient_last IN (SELECT patient_last FROM deleted_cases)
-- Expressions in ON DUPLICATE KEY UPDATE.
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob, case_status) VALUES ('o1', '{P1}', 'Ann', 'Smith', '1970-01-02', 1), ('o2', '{P2}', 'Bob', NULL, '1980-02-03', 2), ('o3', '{P1}', 'Cyd', '', NULL, 3)
INSERT INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('o1', '{P1}', 'X', 'Y') ON DUPLICATE KEY UPDATE patient_last = CONCAT(patient_last, VALUES(patient_last))
INSERT INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('o1', '{P2}', 'X', 'Y'), ('o2', '{P2}', 'Q', 'Z'), ('o4', '{P3}', 'New', 'Row') ON DUPLICATE KEY UPDATE patient_first = CONCAT(cases.patient_first, '/', VALUES(patient_first)), patient_last = COALESCE(patient_last, VALUES(patient_last)), case_status = case_status + 1
INSERT INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('o3', '{P1}', 'New', 'Name') ON DUPLICATE KEY UPDATE patient_first = IF(patient_first = 'cyd', VALUES(patient_last), patient_first), patient_last = patient_first
INSERT INTO cases (case_id, user_id, patient_first, case_status) VALUES ('o3', '{P1}', 'New', 9) ON DUPLICATE KEY UPDATE case_status = VALUES(case_status), patient_first = CONCAT(patient_first, case_status), patient_dob = COALESCE(patient_dob, '2001-02-03') + INTERVAL 1 DAY
INSERT IGNORE INTO cases (case_id, user_id, patient_first) VALUES ('o1', '{P1}', 'x') ON DUPLICATE KEY UPDATE patient_first = REPEAT('y', 300)
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('o1', '{P1}', 'x') ON DUPLICATE KEY UPDATE patient_first = patient_first
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('o1', '{P1}', 'x'), ('o2', '{P2}', 'z') ON DUPLICATE KEY UPDATE patient_first = UPPER('both'), patient_last = NULL
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('o5', '{P1}', 'x') ON DUPLICATE KEY UPDATE patient_first = LOWER(patient_first)
INSERT INTO cases SET case_id = 'o5', user_id = '{P1}', patient_first = 'set' ON DUPLICATE KEY UPDATE patient_dob = DATE_ADD('2000-02-28', INTERVAL 1 DAY), patient_last = LEFT(VALUES(patient_first), 2)
INSERT INTO cases (case_id, user_id, patient_first) SELECT case_id, user_id, CONCAT(patient_first, '?') FROM cases c WHERE c.case_id LIKE 'o%' ON DUPLICATE KEY UPDATE patient_last = CONCAT('<', VALUES(patient_first), '>')
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('o1', '{P1}', 'x') ON DUPLICATE KEY UPDATE patient_first = REPEAT('y', 300)
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('o5', '{P1}', 'x') ON DUPLICATE KEY UPDATE patient_dob = CONCAT('no', ' date')
