-- The statements of the surgical-case application that touch cases or deleted_cases, by the ids of its inventory, each
-- run on a plaintext database and through phiproxy. A line "-- @ID" names the statement below it. Braces stand for ids of
-- the seed data: {P1} is provider 1, {E01} his first edge case, {P2A} the first ordinary case of provider 2.
-- Statements run in this order: the writes build on each other.

-- @G01 one case, caller known, newest application
SELECT c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.surgeon_id, c.facility_id,
       c.case_status, csl.case_status_desc, c.demo_file, c.note_file, c.misc_file, c.admin_file, c.pay_amount, c.pay_category,
       c.case_create_ts, c.case_updated_ts, c.dupe_flag, c.patient_dob, c.phi_encrypted,
       CONCAT(s.first_name, ' ', s.last_name) AS surgeon_name, s.surgeon_npi, f.facility_name, f.facility_npi,
       CASE WHEN '{ADMIN}' IS NOT NULL AND '{ADMIN}' != c.user_id THEN CONCAT(up.first_name, ' ', up.last_name) ELSE NULL END AS provider_name,
       calling_up.user_type AS caller_type, calling_up.max_case_status,
       COALESCE(JSON_ARRAYAGG(CASE WHEN cpc.procedure_code IS NOT NULL THEN JSON_OBJECT('procedure_code', cpc.procedure_code,
           'procedure_desc', cpc.procedure_desc, 'asst_surg', cpc.asst_surg) ELSE NULL END), JSON_ARRAY()) AS procedure_codes_json
FROM cases c
LEFT JOIN surgeon_list s ON c.surgeon_id = s.surgeon_id
LEFT JOIN facility_list f ON c.facility_id = f.facility_id
LEFT JOIN case_status_list csl ON c.case_status = csl.case_status
LEFT JOIN user_profile up ON c.user_id = up.user_id
LEFT JOIN user_profile calling_up ON '{ADMIN}' = calling_up.user_id
LEFT JOIN case_procedure_codes cpc ON c.case_id = cpc.case_id
WHERE c.case_id = '{E01}' AND c.active = 1
GROUP BY c.case_id, c.user_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.surgeon_id, c.facility_id,
         c.case_status, csl.case_status_desc, c.demo_file, c.note_file, c.misc_file, c.admin_file, c.pay_amount, c.pay_category,
         c.case_create_ts, c.case_updated_ts, c.dupe_flag, c.patient_dob, s.first_name, s.last_name, s.surgeon_id, s.surgeon_npi,
         f.facility_id, f.facility_name, f.facility_npi, up.user_id, up.first_name, up.last_name, calling_up.user_id,
         calling_up.user_type, calling_up.max_case_status;

-- @G02 one case, no caller, older application
SELECT c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.case_status, c.patient_dob,
       CONCAT(s.first_name, ' ', s.last_name) AS surgeon_name,
       CASE WHEN NULL IS NOT NULL AND NULL != c.user_id THEN CONCAT(up.first_name, ' ', up.last_name) ELSE NULL END AS provider_name,
       COALESCE(JSON_ARRAYAGG(CASE WHEN cpc.procedure_code IS NOT NULL THEN JSON_OBJECT('procedure_code', cpc.procedure_code) ELSE NULL END), JSON_ARRAY()) AS procedure_codes_json
FROM cases c
LEFT JOIN surgeon_list s ON c.surgeon_id = s.surgeon_id
LEFT JOIN user_profile up ON c.user_id = up.user_id
LEFT JOIN user_profile calling_up ON NULL = calling_up.user_id
LEFT JOIN case_procedure_codes cpc ON c.case_id = cpc.case_id
WHERE c.case_id = '{E18}' AND c.active = 1
GROUP BY c.case_id, c.user_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.case_status, c.patient_dob,
         s.surgeon_id, s.first_name, s.last_name, up.user_id, up.first_name, up.last_name;

-- @G03 no such case
SELECT c.user_id, c.case_id, c.patient_first, c.patient_dob FROM cases c WHERE c.case_id = 'none' AND c.active = 1;

-- @F01 list of one user
SELECT
    c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.surgeon_id, c.facility_id,
    c.case_status, csl.case_status_desc, c.demo_file, c.note_file, c.misc_file, c.pay_amount, c.phi_encrypted,
    COUNT(cpc.procedure_code) AS codes
FROM cases c
LEFT JOIN case_status_list csl ON c.case_status = csl.case_status
# LEFT JOIN surgeon_list s ON c.surgeon_id = s.surgeon_id
LEFT JOIN case_procedure_codes cpc ON c.case_id = cpc.case_id
WHERE c.user_id = '{P1}' AND c.active = 1
GROUP BY c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.surgeon_id, c.facility_id,
    c.case_status, csl.case_status_desc, c.demo_file, c.note_file, c.misc_file, c.pay_amount, c.phi_encrypted
ORDER BY c.case_id DESC;

-- @F02 quoted numbers
SELECT c.case_id, c.patient_first, c.patient_last, c.ins_provider, c.case_status FROM cases c
WHERE c.user_id = '{P1}' AND c.active = 1 AND (c.case_status IN ('0','7') OR c.case_status >= 400)
GROUP BY c.case_id, c.patient_first, c.patient_last, c.ins_provider, c.case_status ORDER BY c.case_id DESC;

-- @F03
SELECT c.case_id, c.patient_first, c.patient_last, c.ins_provider FROM cases c
WHERE c.user_id = '{P2}' AND c.active = 1 AND (c.case_status IN (10,15) OR c.case_status >= 20) ORDER BY c.case_id DESC;

-- @F04
SELECT c.case_id, c.patient_first FROM cases c WHERE c.user_id = '{P2}' AND c.active = 1 AND c.case_status >= 20 ORDER BY c.case_id DESC;

-- @F05 no rows
SELECT c.case_id, c.patient_first, c.patient_last, c.ins_provider FROM cases c WHERE c.user_id = 'nobody' AND c.active = 1 ORDER BY c.case_id DESC;

-- @P03
SELECT c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider,
    CONCAT(COALESCE(up.first_name,''),' ',COALESCE(up.last_name,'')) AS provider_name
FROM cases c
LEFT JOIN user_profile up ON c.user_id = up.user_id
# INNER JOIN provider_groups pg ON pg.id = 1
WHERE c.user_id = '{P2}' AND c.active = 1
GROUP BY c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, up.first_name, up.last_name
ORDER BY c.case_id DESC;

-- @P05 several owners
SELECT c.user_id, c.case_id, c.patient_first, c.patient_last, c.ins_provider FROM cases c
WHERE c.user_id IN ('{P1}','{P2}','{P3}') AND c.active = 1
GROUP BY c.user_id, c.case_id, c.patient_first, c.patient_last, c.ins_provider ORDER BY c.case_id DESC;

-- @B01 all owners
SELECT c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.case_status, up.first_name, up.last_name, c.phi_encrypted
FROM cases c
LEFT JOIN user_profile up ON c.user_id = up.user_id
LEFT JOIN case_procedure_codes cpc ON c.case_id = cpc.case_id
WHERE c.active = 1
GROUP BY c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.case_status, up.first_name, up.last_name, c.phi_encrypted
ORDER BY case_date DESC, up.first_name, up.last_name, c.case_id DESC;

-- @B02
SELECT c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, up.first_name, up.last_name FROM cases c
LEFT JOIN user_profile up ON c.user_id = up.user_id
WHERE c.active = 1 AND c.case_status IN (10,15) AND c.case_date >= '2025-06-01'
GROUP BY c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, up.first_name, up.last_name
ORDER BY case_date DESC, up.first_name, up.last_name, c.case_id DESC;

-- @B05 COALESCE with the column's own name
SELECT case_id, user_id, demo_file, note_file, misc_file, COALESCE(patient_first,'') AS patient_first, COALESCE(patient_last,'') AS patient_last, phi_encrypted
FROM cases WHERE case_id IN ('{E01}','{E20}','{E21}','{E24}','{E25}','{E26}','{P2A}') AND active = 1 ORDER BY case_id;

-- @B06 aliases named like the table and a function
SELECT case_status, COUNT(*) AS cases, SUM(pay_amount) AS amount FROM cases WHERE active = 1 GROUP BY case_status ORDER BY case_status;

-- @B07
SELECT c.case_status, csl.case_status_desc, COUNT(*) AS count FROM cases c JOIN case_status_list csl ON c.case_status = csl.case_status
WHERE c.active = 1 GROUP BY c.case_status, csl.case_status_desc ORDER BY c.case_status;

-- @B09
SELECT case_id, case_status FROM cases WHERE case_id IN ('{E01}','{E02}') AND active = 1 ORDER BY case_id;

-- @B11
SELECT DISTINCT user_id FROM cases WHERE case_id IN ('{E01}','{E02}','{P2A}') ORDER BY user_id;

-- @R03
SELECT c.pay_category, COUNT(DISTINCT c.user_id) AS providers, SUM(c.pay_amount) AS total FROM cases c INNER JOIN user_profile up ON c.user_id = up.user_id
WHERE c.case_status = 15 AND c.active = 1 AND c.user_id NOT IN ('{EXCLUDED}') GROUP BY c.pay_category ORDER BY c.pay_category;

-- @C01
SELECT case_id FROM cases WHERE case_id = '{E01}';

-- @C02 duplicate check
SELECT case_id, patient_first, patient_last, case_date, user_id FROM cases
WHERE user_id = '{P1}' AND case_date = '2025-10-01' AND LOWER(TRIM(patient_first)) = LOWER(TRIM('John'))
AND LOWER(TRIM(patient_last)) = LOWER(TRIM('Smith')) AND active = 1 LIMIT 1;

-- @C07
SELECT case_id, case_status, demo_file, note_file, patient_dob, ins_provider, user_id FROM cases WHERE case_id = '{E43}' AND active = 1;

-- @X01
SELECT c.case_id, c.user_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.surgeon_id, c.facility_id, c.case_status,
    up.first_name, up.last_name, up.email, s.first_name AS surgeon_first, s.last_name AS surgeon_last, f.facility_name,
    JSON_ARRAYAGG(cpc.procedure_code) AS procedure_codes
FROM cases c
LEFT JOIN user_profile up ON c.user_id = up.user_id
LEFT JOIN surgeon_list s ON c.surgeon_id = s.surgeon_id
LEFT JOIN facility_list f ON c.facility_id = f.facility_id
LEFT JOIN case_procedure_codes cpc ON c.case_id = cpc.case_id
WHERE c.case_id IN ('{E01}','{E06}','{E14}','{E38}','{P2A}')
GROUP BY c.case_id, c.user_id, c.case_date, c.patient_first, c.patient_last, c.ins_provider, c.surgeon_id, c.facility_id, c.case_status,
    up.first_name, up.last_name, up.email, s.first_name, s.last_name, f.facility_name
ORDER BY c.case_id;

-- @X03 qualified star and one more
SELECT c.*, cpc.procedure_code FROM cases c LEFT JOIN case_procedure_codes cpc ON c.case_id = cpc.case_id
WHERE c.case_id IN ('{E01}','{E06}','{E38}') ORDER BY c.case_id, cpc.procedure_code;

-- @X04
SELECT * FROM cases c WHERE c.case_id IN ('{E01}','{E06}','{E24}','{E25}') ORDER BY c.case_id;

-- @X05
SELECT c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.pay_amount, c.pay_category, up.first_name, up.last_name, up.user_npi
FROM cases c INNER JOIN user_profile up ON c.user_id = up.user_id
WHERE c.case_status = 15 AND c.active = 1 AND up.active = 1 AND c.case_date >= '2025-01-01' AND c.case_date <= '2025-12-31'
ORDER BY c.user_id, c.case_date, c.case_id;

-- @R01
SELECT c.user_id, c.case_id, c.case_date, c.patient_first, c.patient_last, c.pay_amount, c.phi_encrypted FROM cases c INNER JOIN user_profile up ON c.user_id = up.user_id
WHERE c.case_status = 15 AND c.active = 1 AND up.active = 1 AND c.user_id NOT IN ('{EXCLUDED}','x','y') ORDER BY c.user_id, c.case_date, c.case_id;

-- @R02
SELECT c.user_id, c.case_id, c.patient_first, c.patient_last FROM cases c INNER JOIN user_profile up ON c.user_id = up.user_id
WHERE c.case_status = 15 AND c.active = 1 AND c.user_id = '{P1}' ORDER BY c.user_id, c.case_date, c.case_id;

-- @M01 derived table
SELECT c.case_id, c.user_id, c.case_date, c.patient_first, c.patient_last, COALESCE(billable.billable_count, 0) AS billable_count
FROM cases c LEFT JOIN (SELECT case_id, COUNT(*) AS billable_count FROM case_procedure_codes WHERE asst_surg = 2 GROUP BY case_id) billable ON c.case_id = billable.case_id
WHERE c.case_status = 10 AND c.active = 1 AND COALESCE(billable.billable_count, 0) = 0 ORDER BY c.case_id;

-- @M02 no owner in sight
SELECT case_id, case_status, patient_first, patient_last, case_date FROM cases WHERE case_id = '{E02}' AND active = 1;

-- @D04
SELECT * FROM cases WHERE case_id = '{E01}' AND active = 0;

-- @H01
select user_id, case_id, patient_first, patient_last, ins_provider from cases where user_id = '{P1}' and active = 1 order by case_id;

-- @INS lookup table of the same column name
SELECT id, ins_provider, flagged FROM insurance_plans ORDER BY ins_provider;

-- @C03 create a case, in a transaction
BEGIN;

-- @C03b
INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, surgeon_id, facility_id, demo_file, note_file, misc_file, dupe_flag, patient_dob, phi_encrypted)
VALUES ('new1', '{P1}', '2025-11-14', 'Anne-Marie', 'O\'Brien', 'Aetna', '100001', '1000001', NULL, NULL, NULL, 0, '1984-2-9', 0);

-- @C07b inside the transaction
SELECT case_id, case_status, demo_file, note_file, patient_dob, ins_provider, user_id FROM cases WHERE case_id = 'new1' AND active = 1;

-- @C14
UPDATE cases SET case_status = 7, billable_flag_ts = CURRENT_TIMESTAMP WHERE case_id = 'new1';

-- @C03c
COMMIT;

-- @C12 before the application encrypted
INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, surgeon_id, facility_id, demo_file, note_file, misc_file, dupe_flag, patient_dob)
VALUES ('new2', '{P2}', '2025-11-14', 'José', 'Núñez', '', NULL, NULL, 'd', 'n', 'm', 0, NULL);

-- @C10 fewer columns
INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider) VALUES ('new3', '{P3}', '2025-11-15', 'Zoë', NULL, 'Humana Gold');

-- @C13 a function among the values
INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider) VALUES ('new4','{P1}',NOW(),'Test','Patient','Test Insurance');

-- @C03d duplicate key
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('new1', '{P1}', 'Twice');

-- @U03 by case id alone
UPDATE cases SET patient_first = 'Ann' WHERE case_id = 'new1';

-- @U03b the same again
UPDATE cases SET patient_first = 'Ann' WHERE case_id = 'new1';

-- @U04 several columns, one of them not protected
UPDATE cases SET case_date = '2025-11-16', patient_first = 'ANN', patient_last = 'O\'Brien ', ins_provider = 'Medicare', demo_file = 'x.pdf', patient_dob = '1984-02-09' WHERE case_id = 'new1';

-- @U05 nothing changes
UPDATE cases SET case_date = '2025-11-16', patient_first = 'ANN', patient_dob = '19840209' WHERE case_id = 'new1';

-- @U06 NULL and the empty string
UPDATE cases SET patient_first = NULL, ins_provider = '' WHERE case_id = 'new2';

-- @U07 a row that does not exist
UPDATE cases SET patient_first = 'Nobody' WHERE case_id = 'none';

-- @U09 another owner
UPDATE cases SET user_id = '{P3}' WHERE case_id = 'new1';

-- @U10 another owner and a protected column
UPDATE cases SET user_id = '{P2}', patient_last = 'Moved', surgeon_id = 100003 WHERE case_id = 'new1';

-- @U11 a date that is none
UPDATE cases SET patient_dob = '1984-02-30' WHERE case_id = 'new1';

-- @U12 251 characters
UPDATE cases SET patient_first = '{LONG251}' WHERE case_id = 'new1';

-- @U13 250 characters of four bytes
UPDATE cases SET patient_first = '{LONG250}' WHERE case_id = 'new1';

-- @U14 look
SELECT * FROM cases WHERE case_id IN ('new1','new2','new3','new4') ORDER BY case_id;

-- @C15
UPDATE cases SET demo_file = NULL WHERE case_id = 'new1';

-- @S03
UPDATE cases SET case_status = 20, paid_to_provider_ts = CURRENT_TIMESTAMP WHERE case_id = 'new1' AND case_status = 10 AND active = 1;

-- @C06
UPDATE cases SET pay_amount = 900.00, pay_category = 'Spine' WHERE case_id = 'new1';

-- @D02
UPDATE cases SET active = 0 WHERE case_id IN ('new1', 'new2');

-- @D04b
SELECT * FROM cases WHERE case_id = 'new1' AND active = 0;

-- @D05 archive
INSERT INTO deleted_cases SELECT * FROM cases WHERE case_id = 'new1';

-- @D08
DELETE FROM cases WHERE case_id = 'new1';

-- @D09 look into the archive
SELECT * FROM deleted_cases WHERE case_id = 'new1';

-- @D11 straight into the archive
INSERT INTO deleted_cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, patient_dob) VALUES ('old1', '{P2}', '2024-01-02', 'Old', 'Case', 'Cigna', '1950-05-05');

-- @K10
INSERT INTO deleted_cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, patient_dob, human_case_id)
SELECT case_id, user_id, case_date, patient_first, patient_last, ins_provider, patient_dob, human_case_id FROM cases WHERE case_id = 'new2';

-- @K03 archive all cases of a user
INSERT INTO deleted_cases SELECT * FROM cases WHERE user_id = '{P3}';

-- @K04
INSERT INTO deleted_case_procedure_codes (case_id, procedure_code, procedure_desc) SELECT cpc.case_id, cpc.procedure_code, cpc.procedure_desc FROM case_procedure_codes cpc INNER JOIN cases c ON cpc.case_id = c.case_id WHERE c.user_id = '{P3}';

-- @K05
DELETE cpc FROM case_procedure_codes cpc INNER JOIN cases c ON cpc.case_id = c.case_id WHERE c.user_id = '{P3}';

-- @K06
DELETE FROM cases WHERE user_id = '{P3}';

-- @K09 look
SELECT case_id, user_id, patient_first, patient_last, ins_provider, patient_dob, phi_encrypted FROM deleted_cases ORDER BY case_id;

-- @N01 several rows, several owners
INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob) VALUES ('m1','{P1}','Á','B','2000-02-29'),('m2','{P2}','C',NULL,NULL),('m3','{P1}','','E','2001-01-01');

-- @N02 without a column list
INSERT INTO cases SET case_id = 'm4', user_id = '{P1}', patient_first = 'Set', patient_dob = '1999-09-09';

-- @N03
REPLACE INTO cases (case_id, user_id, patient_first, patient_last) VALUES ('m4','{P2}','Replaced','Row');

-- @N04
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('m4','{P2}','Upsert') ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first), case_status = 5;

-- @N05 the same again
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('m4','{P2}','Upsert') ON DUPLICATE KEY UPDATE patient_first = VALUES(patient_first), case_status = 5;

-- @N06
INSERT IGNORE INTO cases (case_id, user_id, patient_first) VALUES ('m4','{P2}','Ignored'),('m5','{P2}','Kept');

-- @N07 star, aliases, union, derived table, common table expression
SELECT case_id, 1 AS branch, patient_first AS f FROM cases WHERE case_id LIKE 'm%' UNION ALL SELECT case_id, 2, patient_last FROM cases WHERE case_id LIKE 'm%' ORDER BY 1, 2;

-- @N07b the same column in every branch
SELECT case_id, 1 AS branch, patient_first FROM cases WHERE case_id LIKE 'm%' UNION ALL SELECT case_id, 2, patient_first FROM deleted_cases WHERE case_id LIKE 'new%' ORDER BY 1, 2;

-- @N08
SELECT d.case_id, d.patient_first, d.dob FROM (SELECT case_id, patient_first, patient_dob AS dob FROM cases WHERE case_id LIKE 'm%') d ORDER BY d.case_id;

-- @N09
WITH x AS (SELECT case_id, user_id, patient_last FROM cases WHERE case_id LIKE 'm%') SELECT x.patient_last, x.case_id FROM x ORDER BY x.case_id;

-- @N10
SELECT COUNT(*), COUNT(patient_first), COUNT(patient_dob) FROM cases WHERE patient_first IS NOT NULL AND case_id LIKE 'm%';

-- @N11
SELECT case_id FROM cases WHERE patient_last IS NULL AND case_id LIKE 'm%' ORDER BY case_id LIMIT 2;

-- @N12 locking read in a transaction, savepoints
START TRANSACTION;

-- @N12b
SELECT case_id, patient_first FROM cases WHERE case_id = 'm1' FOR UPDATE;

-- @N12c
SAVEPOINT a;

-- @N12d
UPDATE cases SET patient_first = 'Lost' WHERE case_id = 'm1';

-- @N12e
ROLLBACK TO SAVEPOINT a;

-- @N12f
SELECT case_id, patient_first FROM cases WHERE case_id = 'm1';

-- @N12g
COMMIT;

-- @N13 several rows in one update
UPDATE cases SET ins_provider = 'One for all' WHERE case_id LIKE 'm%' AND user_id = '{P1}';

-- @N14 flag in every clause
SELECT phi_encrypted, COUNT(*) FROM cases WHERE phi_encrypted = 0 AND case_id LIKE 'm%' GROUP BY phi_encrypted;

-- @N15
SELECT case_id FROM cases WHERE phi_encrypted = 1 ORDER BY case_id;

-- @E01 errors
SELECT no_such_column, patient_first FROM cases;

-- @E02
INSERT INTO cases (case_id, user_id, patient_first) VALUES (NULL, '{P1}', 'x');

-- @E03
INSERT INTO cases (case_id, user_id, patient_first) VALUES ('bad1', '{P1}', 'x', 'too many');

-- @E04
INSERT INTO cases (case_id, user_id, patient_dob) VALUES ('bad2', '{P1}', 'not a date');

-- @E05
SELEC patient_first FROM cases;

-- @SH01
DESCRIBE cases;

-- @SH02
SHOW COLUMNS FROM cases LIKE 'patient%';

-- @SH03
SHOW FULL COLUMNS FROM cases;

-- @SH04
SHOW CREATE TABLE cases;

-- @LAST the whole tables
SELECT * FROM cases ORDER BY case_id;

-- @LASTD
SELECT * FROM deleted_cases ORDER BY case_id;
