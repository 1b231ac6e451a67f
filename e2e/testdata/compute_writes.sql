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
