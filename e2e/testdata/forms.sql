-- Forms of statements that the application does not use, for the differential test. See surgicase.sql.

-- @V01
INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('v1', '{P1}', 801, 'a' "b" 'c', _utf8mb4'José');

-- @V02
INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('v2', '{P1}', 802, _binary'bytes', _utf8mb4'x' ' y'), ('v3', _utf8mb4'{P2}', 803, 'it''s' ' \'quoted\'', '');

-- @V03
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ('v4', '{P1}', 804, N'national');

-- @V04
INSERT INTO cases (case_id, user_id, human_case_id, patient_first, demo_file) VALUES ('v5', '{P1}', 805, 'x', N'national');

-- @V05
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ('v6', '{P1}', 806, _latin1'x');

-- @V06
UPDATE cases SET patient_first = 'new' ' name', patient_last = _utf8mb4'😀' WHERE case_id = 'v1';

-- @V07
UPDATE cases SET patient_first = 'new' ' name' WHERE case_id = 'v1';

-- @V08
INSERT INTO cases (case_id, user_id, human_case_id, patient_dob) VALUES ('v7', '{P1}', 807, '1984-' '02-09') ON DUPLICATE KEY UPDATE patient_dob = '1984-' '02-10';

-- @V09
INSERT INTO cases (case_id, user_id, human_case_id, patient_dob) VALUES ('v' '7', '{P1}', 807, '1984-02-09') ON DUPLICATE KEY UPDATE patient_dob = '1984-' '02-10';

-- @V10
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ('v8', '{P1}', 808, _binary x'4a6f');

-- @V11
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ('v9', '{P1}', 809, _binary'\\xff');

-- @V12
SET NAMES latin1;

-- @V13
INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_last) VALUES ('v10', '{P1}', 810, _utf8mb4'José', 'plain');

-- @V14
SET NAMES utf8mb4;

-- @V15
SELECT case_id, user_id, patient_first, patient_last, patient_dob, demo_file FROM cases WHERE case_id LIKE 'v%' ORDER BY case_id;

-- @R01
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ROW('r1', '{P1}', 821, 'Row');

-- @R02
INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_dob) VALUES ROW('r2', '{P1}', 822, 'Row', '1984-2-9'), ROW('r3', '{P2}', 823, NULL, '2000-01-01'), ROW('r4', '{P3}', 824, '', NULL);

-- @R03
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ROW('r5', '{P1}', 825, '{LONG251}');

-- @R04
INSERT INTO cases (case_id, user_id, human_case_id, patient_dob) VALUES ROW('r6', '{P1}', 826, '1984-02-30');

-- @R05
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ROW('r7', '{P1}', 827, 5), ROW('r8', '{P1}', 828, 'x');

-- @R06
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ROW('r9', '{P1}', 829, 5), ROW('r10', '{P1}', 830, 0071);

-- @R07
INSERT IGNORE INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ROW('r1', '{P1}', 831, 'again'), ROW('r11', '{P1}', 832, '{LONG251}');

-- @R08
INSERT INTO cases (case_id, user_id, human_case_id, patient_first) VALUES ROW('r12', '{P1}', 833, 'x') ON DUPLICATE KEY UPDATE patient_first = 'y';

-- @R09
SELECT case_id, user_id, patient_first, patient_dob FROM cases WHERE case_id LIKE 'r%' ORDER BY case_id;

-- @D01
INSERT INTO cases () VALUES ();

-- @D02
SET sql_mode = '';

-- @D03
INSERT INTO cases () VALUES ();

-- @D04
INSERT INTO cases VALUES ();

-- @D05
SELECT user_id, patient_first, patient_dob, phi_encrypted FROM cases WHERE case_id = '';

-- @D06
DELETE FROM cases WHERE case_id = '';

-- @D07
SET sql_mode = DEFAULT;

-- @C01
SELECT d.c, d.f FROM (SELECT case_id, patient_first FROM cases) AS d (c, f) ORDER BY c;

-- @C02
SELECT * FROM (SELECT case_id, patient_first, patient_dob FROM cases) d (c, `f`, b) WHERE c LIKE 'v%' ORDER BY c;

-- @C03
SELECT a.f, b.g FROM (SELECT case_id, patient_first FROM cases) a (c, f) LEFT JOIN (SELECT case_id, patient_dob FROM cases LIMIT 1000) b (c, g) ON a.c = b.c ORDER BY a.c;

-- @C04
SELECT n FROM (SELECT COUNT(*), MAX(case_id) FROM cases) AS d (n, m);

-- @C05
SELECT f FROM (SELECT case_id, patient_first FROM cases) AS d (f);

-- @S01
SELECT case_id, patient_first FROM cases WHERE demo_file SOUNDS LIKE 'national' ORDER BY case_id;

-- @S02
SELECT case_id FROM cases WHERE patient_first SOUNDS LIKE 'Jose';

-- @L01
SELECT case_id, COALESCE(patient_dob, '') AS d, IFNULL(patient_dob, 'unknown') FROM cases ORDER BY case_id;

-- @L02
SELECT case_id, COALESCE(patient_dob, 'a longer text') AS d, COALESCE(patient_dob, NULL), COALESCE(patient_dob, NULL, '1900-01-01') FROM cases ORDER BY case_id;

-- @L03
SELECT x.d FROM (SELECT case_id, COALESCE(patient_dob, '-') AS d FROM cases) x ORDER BY x.case_id;

-- @L04
SELECT case_id, IFNULL(patient_dob, 'unknown') AS d FROM cases UNION ALL SELECT case_id, COALESCE(patient_dob, '') FROM deleted_cases ORDER BY case_id;

-- @L05
SELECT case_id, COALESCE(patient_dob, 0) FROM cases;

-- @L06
SET character_set_results = latin1;

-- @L07
SELECT case_id, COALESCE(patient_dob, '') AS d, COALESCE(patient_first, 'é') FROM cases ORDER BY case_id;

-- @L08
SET character_set_results = binary;

-- @L09
SELECT case_id, COALESCE(patient_dob, '') AS d FROM cases ORDER BY case_id;

-- @L10
SET character_set_results = NULL;

-- @L11
SELECT case_id, COALESCE(patient_dob, '') AS d FROM cases ORDER BY case_id;

-- @L14
SET NAMES latin1;

-- @L15
SELECT case_id, COALESCE(patient_last, 'né'), COALESCE(patient_dob, 'é') FROM cases ORDER BY case_id;

-- @L16
SET NAMES utf8mb4, character_set_connection = latin1;

-- @L17
SELECT case_id, COALESCE(patient_last, 'né'), COALESCE(patient_dob, 'é') FROM cases ORDER BY case_id;

-- @L12
SET NAMES utf8mb4;

-- @L13
SELECT case_id, COALESCE(demo_file, '') FROM cases WHERE patient_dob IS NULL ORDER BY case_id;

-- @G01
SELECT phi_encrypted, case_id FROM cases GROUP BY phi_encrypted, case_id;

-- @G02
SELECT c.phi_encrypted, up.user_id, COUNT(*) FROM user_profile up LEFT JOIN cases c ON c.user_id = up.user_id GROUP BY c.phi_encrypted, up.user_id, c.case_id HAVING COUNT(*) > 0 ORDER BY up.user_id, c.case_id;

-- @G03
SELECT c.phi_encrypted, c.case_id, c.patient_first FROM cases c GROUP BY c.phi_encrypted, c.case_id, c.patient_first;

-- @N01
INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_dob) VALUES ('n1', '{P1}', 841, CONCAT('{LONG250}', '  '), 00840209);

-- @N02
INSERT INTO cases (case_id, user_id, human_case_id, patient_first, patient_dob) VALUES ('n1', '{P1}', 841, '{LONG250}   ', 00840209);

-- @N03
UPDATE cases SET patient_dob = '1984-02-09 10:11:12', patient_last = '{LONG250}\t ' WHERE case_id = 'n1';

-- @N04
UPDATE cases SET patient_dob = 101 WHERE case_id = 'n1';

-- @N05
INSERT IGNORE INTO cases (case_id, user_id, human_case_id, patient_dob) VALUES ('n2', '{P1}', 842, '1984-02-09 10:11:12'), ('n3', '{P1}', 843, 700100);

-- @N06
SELECT case_id, patient_first, patient_last, patient_dob FROM cases WHERE case_id LIKE 'n%' ORDER BY case_id;

-- @N01 The columns of the right table come first, with common columns or without.
SELECT * FROM deleted_cases t1 NATURAL RIGHT JOIN (SELECT COALESCE(t2.procedure_code, NULL) AS w3 FROM case_procedure_codes t2) AS t4 WHERE t4.w3 <> 'u2';

-- @N02
SELECT * FROM cases t1 RIGHT JOIN (SELECT COALESCE(t2.procedure_code, NULL) AS w3 FROM case_procedure_codes t2) AS t4 ON t4.w3 = t1.case_id;
