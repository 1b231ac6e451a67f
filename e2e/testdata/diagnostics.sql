-- Errors and warnings whose texts show values, names or pieces of the statement. One statement a line.
-- Values of protected columns.
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('d1', '{P1}', '{LONG251}')
INSERT IGNORE INTO cases (case_id, user_id, patient_first) VALUES ('d1', '{P1}', '{LONG251}')
INSERT INTO cases (case_id, user_id, patient_first, patient_dob) VALUES ('d2', '{P1}', 'Ann', '1980-02-31')
INSERT INTO cases (case_id, user_id, patient_first, patient_dob) VALUES ('d2', '{P1}', 'Ann', 'soon')
INSERT IGNORE INTO cases (case_id, user_id, patient_first, patient_dob) VALUES ('d2', '{P1}', 'Ann', '1980-02-31')
UPDATE cases SET patient_dob = '1999-13-01' WHERE case_id = 'd2'
UPDATE IGNORE cases SET patient_dob = '1999-13-01' WHERE case_id = 'd2'
UPDATE cases SET patient_first = '{LONG251}' WHERE case_id = 'd2'
UPDATE cases SET patient_first = '{LONG251}', case_status = 5
INSERT INTO cases (case_id, user_id, patient_first, patient_dob) VALUES ('d3', '{P1}', 'Ann', '1980-01-05 10:11:12')
INSERT INTO cases (case_id, user_id, patient_first, patient_dob) VALUES ('d4', '{P1}', 'Ann', 5)
-- Values of the columns beside them.
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('d1', '{P1}', 'Joanna')
INSERT IGNORE INTO cases (case_id, user_id, patient_first) VALUES ('d1', '{P1}', 'Joanna')
INSERT INTO cases (case_id, user_id, patient_first, case_status) VALUES ('d5', '{P1}', 'Joanna', 70000)
INSERT IGNORE INTO cases (case_id, user_id, patient_first, case_status) VALUES ('d5', '{P1}', 'Joanna', 70000)
INSERT INTO cases (case_id, user_id, patient_first, case_status) VALUES ('d6', '{P1}', 'Joanna', 'three')
INSERT IGNORE INTO cases (case_id, user_id, patient_first, case_status) VALUES ('d6', '{P1}', 'Joanna', 'three')
INSERT INTO cases (case_id, user_id, patient_first, case_date) VALUES ('d7', '{P1}', 'Joanna', '2020-02-30')
INSERT INTO cases (case_id, user_id, patient_first, case_date) VALUES ('d7', '{P1}', 'Joanna', '2020-02-03 10:11:12')
INSERT INTO cases (case_id, user_id, patient_first, pay_category) VALUES ('d8', '{P1}', 'Joanna', 'a category of more than twenty')
INSERT INTO cases (case_id, user_id, patient_first, pay_amount) VALUES ('d9', '{P1}', 'Joanna', 1.239)
INSERT INTO cases (case_id, user_id, patient_first, pay_amount) VALUES ('d10', '{P1}', 'Joanna', NULL)
INSERT IGNORE INTO cases (case_id, user_id, patient_first, pay_amount) VALUES ('d11', '{P1}', 'Joanna', NULL), ('d11', '{P1}', 'Joanna', 4)
INSERT INTO cases (user_id, patient_first) VALUES ('{P1}', 'Joanna')
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('d12', '{P1}', 'Joanna', 3)
INSERT INTO cases (case_id, user_id, patient_first, case_id) VALUES ('d12', '{P1}', 'Joanna', 'd12')
INSERT INTO cases (case_id, user_id, patient_first, no_such) VALUES ('d12', '{P1}', 'Joanna', 3)
INSERT INTO cases (case_id, user_id, patient_first, case_status) VALUES ('d12', '{P1}', 'Joanna', no_such)
INSERT INTO cases (case_id, user_id, patient_first, case_status) VALUES ('d12', '{P1}', 'Joanna', no_such(3))
INSERT INTO cases (case_id, user_id, patient_first, case_status) VALUES ('d12', '{P1}', 'Joanna', LENGTH())
-- Constraints.
INSERT INTO cases (case_id, user_id, patient_first, surgeon_id) VALUES ('d13', '{P1}', 'Joanna', 999999)
INSERT IGNORE INTO cases (case_id, user_id, patient_first, surgeon_id) VALUES ('d13', '{P1}', 'Joanna', 999999)
UPDATE cases SET patient_first = 'Joan', surgeon_id = 999999 WHERE case_id = 'd2'
INSERT INTO cases (case_id, user_id, patient_first, dupe_flag) VALUES ('d14', '{P1}', 'Joanna', 9)
INSERT IGNORE INTO cases (case_id, user_id, patient_first, dupe_flag) VALUES ('d14', '{P1}', 'Joanna', 9)
UPDATE cases SET patient_first = 'Joan', dupe_flag = 9 WHERE case_id = 'd2'
UPDATE cases SET case_id = 'd1', patient_first = 'Joan' WHERE case_id = 'd2'
UPDATE cases SET patient_first = 'Joan', admin_file = 'unique' WHERE case_id IN ('d1', 'd2', 'd3')
REPLACE INTO cases (case_id, user_id, patient_first, dupe_flag) VALUES ('d2', '{P1}', 'Joan', 9)
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('d2', '{P1}', 'Joan') ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first), case_status = 70000
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('d2', '{P1}', 'Joan') ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first), dupe_flag = 9
INSERT INTO deleted_cases SELECT * FROM cases WHERE case_id = 'd3'
INSERT INTO deleted_cases SELECT * FROM cases WHERE case_id = 'd3'
INSERT IGNORE INTO deleted_cases SELECT * FROM cases WHERE case_id = 'd3'
-- Triggers that speak.
INSERT INTO cases (case_id, user_id, patient_first, misc_file) VALUES ('d15', '{P1}', 'Joanna', 'signal')
UPDATE cases SET patient_first = 'Jo', misc_file = 'signal' WHERE case_id = 'd2'
UPDATE cases SET patient_first = 'Jo', misc_file = 'warn' WHERE case_id = 'd2'
-- Expressions.
UPDATE cases SET patient_first = 'Jo', human_case_id = CAST(0 AS UNSIGNED) - 1 WHERE case_id = 'd2'
UPDATE cases SET patient_first = 'Jo', case_status = case_status + 32767 WHERE case_id = 'd2'
UPDATE cases SET patient_first = 'Jo', human_case_id = 9223372036854775807 + human_case_id WHERE case_id = 'd2'
UPDATE cases SET patient_first = 'Jo', case_status = 1 WHERE case_id = 'd1' AND case_id = 5
UPDATE cases SET patient_first = 'Jo', case_status = 1 WHERE case_date = 'soon'
UPDATE cases SET patient_first = 'Jo', case_status = 1 WHERE no_such = 3
UPDATE cases SET patient_first = 'Jo', no_such = 3 WHERE case_id = 'd2'
UPDATE cases SET patient_first = 'Jo', case_status = (SELECT 1 UNION SELECT 2) WHERE case_id = 'd2'
UPDATE cases SET patient_first = 'Jo', case_status = 1 / 0 WHERE case_id = 'd2'
SELECT patient_first, 9223372036854775807 + human_case_id FROM cases
SELECT patient_first, CAST(case_id AS SIGNED) FROM cases WHERE case_id = 'd2'
SELECT patient_first, no_such FROM cases
SELECT patient_first FROM cases WHERE no_such = 3
SELECT patient_first FROM cases ORDER BY no_such
SELECT patient_first FROM cases c JOIN deleted_cases d ON case_id = 'x'
SELECT c.patient_first, x.y FROM cases c
SELECT patient_first, case_id + 1 FROM cases WHERE case_id LIKE 'd%' ORDER BY case_id
SELECT patient_first, SUM(case_status) FROM cases
SELECT patient_first + 1 FROM cases WHERE case_id = 'd2'
SELECT CAST(patient_first AS DATE), CAST(patient_dob AS SIGNED) FROM cases WHERE case_id LIKE 'd%' ORDER BY case_id
SELECT CAST(patient_first AS UNSIGNED) + 18446744073709551615 FROM cases WHERE case_id = 'd2'
SELECT EXP(1000 + CHAR_LENGTH(patient_first)) FROM cases WHERE case_id = 'd2'
SELECT JSON_EXTRACT(patient_first, '$.a') FROM cases WHERE case_id = 'd2'
SELECT patient_first FROM cases WHERE patient_first REGEXP '('
SELECT patient_first FROM cases WHERE patient_first = (SELECT 'a' UNION SELECT 'b')
SELECT patient_first, no_such(patient_first) FROM cases
SELECT UPPER(patient_first), no_such FROM cases
SELECT UPPER(no_such), patient_first FROM cases WHERE patient_last > 'x'
UPDATE cases SET patient_first = no_such WHERE case_id = 'd2'
UPDATE cases SET patient_first = UPPER(no_such) WHERE patient_last = 'x'
UPDATE cases SET patient_first = UPPER(patient_first), case_status = 70000 WHERE case_id LIKE 'd%'
UPDATE cases SET patient_first = UPPER(patient_first), surgeon_id = 999999 WHERE case_id LIKE 'd%'
DELETE FROM cases WHERE no_such = 3
DELETE FROM cases WHERE patient_first = 3 AND no_such = 3
-- Syntax.
SELECT patient_first FROM cases WHERE
SELECT patient_first FROM cases WHER case_id = 'd2'
SELECT patient_first, FROM cases
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('d16', '{P1}', 'Joanna'
INSERT INTO cases (case_id, user_id, patient_first) VALUE ('d16', '{P1}', 'Joanna'))
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('d16', '{P1}', 'Joanna') ON DUPLICATE patient_first = 'x'
INSERT INTO cases (case_id, user_id patient_first) VALUES ('d16', '{P1}', 'Joanna')
UPDATE cases SET patient_first = 'Jo' WHERE case_id = 'd2' AND
UPDATE cases SET patient_first 'Jo' WHERE case_id = 'd2'
UPDATE cases SET patient_first = 'Jo' LIMIT 1, 2
DELETE cases WHERE patient_first = 'Jo'
SELEC patient_first FROM cases
SELECT patient_first FROM cases LIMIT 'x'
SELECT patient_first FROM cases FOR SHARE OF
-- Names.
SELECT * FROM no_such_base.cases
