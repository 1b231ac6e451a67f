-- What DBeaver (plugin org.jkiss.dbeaver.ext.mysql, with MySQL Connector/J) and MySQL Workbench ask while they connect, fill
-- their trees and show a table. One statement a line; of those behind ~ only the form of the answer is compared, since it
-- tells of the moment.
/* mysql-connector-j-8.2.0 (Revision: 06a1f724497fd81c6a659131fda822c9e5085b6c) */SELECT  @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client, @@character_set_connection AS character_set_connection, @@character_set_results AS character_set_results, @@character_set_server AS character_set_server, @@collation_server AS collation_server, @@collation_connection AS collation_connection, @@init_connect AS init_connect, @@interactive_timeout AS interactive_timeout, @@license AS license, @@lower_case_table_names AS lower_case_table_names, @@max_allowed_packet AS max_allowed_packet, @@net_write_timeout AS net_write_timeout, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@wait_timeout AS wait_timeout
SET character_set_results = NULL
SET sql_mode='NO_ENGINE_SUBSTITUTION,STRICT_TRANS_TABLES'
/* ApplicationName=DBeaver 24.0.0 - Main */ SET autocommit=1
/* ApplicationName=DBeaver 24.0.0 - Main */ SET SESSION TRANSACTION READ WRITE
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT DATABASE()
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW ENGINES
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW CHARSET
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW COLLATION
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT @@GLOBAL.character_set_server,@@GLOBAL.collation_server
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW PLUGINS
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW VARIABLES LIKE 'lower_case_table_names'
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW VARIABLES LIKE 'aurora\_version'
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT * FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = 'information_schema' AND t.TABLE_NAME = 'CHECK_CONSTRAINTS' AND 1 = 0
~/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW DATABASES
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW FULL TABLES FROM `{DB}`
~/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW TABLE STATUS FROM `{DB}`
~/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW TABLE STATUS FROM `{DB}` LIKE 'cases'
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW FULL COLUMNS FROM `cases`
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW FULL COLUMNS FROM `{DB}`.`cases` LIKE 'patient%'
~/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, INDEX_TYPE FROM INFORMATION_SCHEMA.STATISTICS s WHERE s.TABLE_SCHEMA='{DB}' AND s.TABLE_NAME='cases' ORDER BY INDEX_NAME, SEQ_IN_INDEX
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT kc.CONSTRAINT_NAME,kc.TABLE_NAME,kc.COLUMN_NAME,kc.ORDINAL_POSITION FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE kc WHERE kc.TABLE_SCHEMA='{DB}' AND kc.REFERENCED_TABLE_NAME IS NULL AND kc.TABLE_NAME='cases' ORDER BY kc.CONSTRAINT_NAME,kc.ORDINAL_POSITION
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT * FROM INFORMATION_SCHEMA.ROUTINES WHERE ROUTINE_SCHEMA='{DB}' ORDER BY ROUTINE_NAME
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT * FROM INFORMATION_SCHEMA.TRIGGERS WHERE TRIGGER_SCHEMA='{DB}' ORDER BY TRIGGER_NAME
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT * FROM INFORMATION_SCHEMA.EVENTS WHERE EVENT_SCHEMA='{DB}'
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SELECT * FROM INFORMATION_SCHEMA.VIEWS WHERE TABLE_SCHEMA='{DB}'
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW FULL TRIGGERS FROM `{DB}`
/* ApplicationName=DBeaver 24.0.0 - Metadata */ SHOW CREATE TABLE `cases`
/* ApplicationName=DBeaver 24.0.0 - Main */ SELECT x.* FROM `{DB}`.cases x LIMIT 0, 200
/* ApplicationName=DBeaver 24.0.0 - Main */ SHOW WARNINGS
/* ApplicationName=DBeaver 24.0.0 - SQLEditor <Script.sql> */ SELECT c.patient_first, c.patient_last FROM cases c WHERE c.active = 1 ORDER BY c.case_id LIMIT 0, 200
/* ApplicationName=DBeaver 24.0.0 - SQLEditor <Script.sql> */ SELECT count(*) FROM (SELECT c.case_id FROM cases c) dbvrcnt
~/* ApplicationName=DBeaver 24.0.0 - Main */ EXPLAIN SELECT x.case_id FROM cases x
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ
SET CHARACTER SET utf8
SET NAMES utf8
SET SQL_SAFE_UPDATES=1
SELECT CONNECTION_ID() > 0
SHOW SESSION STATUS LIKE 'Ssl_cipher'
SET NAMES 'utf8mb4'
SHOW SESSION VARIABLES LIKE 'sql_mode'
SHOW VARIABLES LIKE 'version_compile_os'
SELECT current_user()
SET SQL_SAFE_UPDATES=0
SHOW VARIABLES
~SHOW GLOBAL STATUS
~SHOW FULL PROCESSLIST
SELECT st.* FROM performance_schema.events_statements_current st WHERE 1 = 0
SHOW INDEX FROM `{DB}`.`cases` WHERE Key_name = 'no such'
SELECT * FROM {DB}.cases LIMIT 0, 1000
~SHOW PROCEDURE STATUS
~SHOW FUNCTION STATUS WHERE Db='{DB}'
