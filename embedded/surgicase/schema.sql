-- The tables that the SurgiCase application's case statements read, write or join, as they are before phiproxy:
-- `phiproxy schema apply` widens the protected columns and adds its own tables.

-- Written for MySQL 8, MariaDB 10.11 and the embedded server: no explicit COLLATE, so each server applies its own
-- default for utf8mb4. The column order of cases and deleted_cases must stay identical, since archiving a case is
-- INSERT INTO deleted_cases SELECT * FROM cases.

SET NAMES utf8mb4;

-- ---------------------------------------------------------------- users
CREATE TABLE user_type_list (
  user_type            INT UNSIGNED NOT NULL PRIMARY KEY,
  user_type_desc       VARCHAR(100),
  user_max_case_status INT UNSIGNED
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE user_profile (
  user_id          VARCHAR(100) NOT NULL,           -- Cognito sub, e.g. 54d8e448-0091-7031-86bb-d66da5e8f7e0
  user_email       VARCHAR(250) NOT NULL,
  first_name       VARCHAR(250),
  last_name        VARCHAR(250),
  addr1            VARCHAR(250),
  addr2            VARCHAR(250),
  city             VARCHAR(250),
  state            VARCHAR(250),
  zipcode          VARCHAR(250),
  telephone        BIGINT UNSIGNED,
  user_npi         BIGINT UNSIGNED,
  referred_by_user VARCHAR(100),
  user_type        INT UNSIGNED DEFAULT 1,          -- 1 provider, 7 group admin, 10 case admin, 20 user admin, 100 global admin, 999 system
  message_pref     SMALLINT DEFAULT 0,
  create_ts        TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  last_login_dt    DATETIME,
  active           TINYINT DEFAULT 1,
  states_licensed  VARCHAR(500),
  last_updated_ts  TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  user_tier        INT UNSIGNED NOT NULL DEFAULT 1,
  max_case_status  INT UNSIGNED DEFAULT 20,
  timezone         VARCHAR(64),
  credentials      VARCHAR(100),
  ins_exp_date     DATE,
  default_pagination_cases INT,
  email            VARCHAR(250),                    -- read by the case export only
  PRIMARY KEY (user_id),
  KEY idx_active (active)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE deleted_users (                        -- (no FK, subset of user_profile columns)
  user_id          VARCHAR(100) NOT NULL PRIMARY KEY,
  user_email       VARCHAR(250) NOT NULL,
  first_name VARCHAR(250), last_name VARCHAR(250), addr1 VARCHAR(250), addr2 VARCHAR(250),
  city VARCHAR(250), state VARCHAR(250), zipcode VARCHAR(250),
  telephone BIGINT UNSIGNED, user_npi BIGINT UNSIGNED,
  referred_by_user VARCHAR(100), user_type INT UNSIGNED DEFAULT 1, message_pref SMALLINT DEFAULT 0,
  create_ts TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, last_login_dt DATETIME, active TINYINT DEFAULT 1,
  states_licensed VARCHAR(500),
  last_updated_ts TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  user_tier INT UNSIGNED NOT NULL DEFAULT 1, max_case_status INT UNSIGNED,
  KEY idx_active (active)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE user_documents (                       -- no primary key
  user_id VARCHAR(100), document_type VARCHAR(100), document_name VARCHAR(250), KEY user_id (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE deleted_user_documents LIKE user_documents;

-- ---------------------------------------------------------------- lookups
CREATE TABLE case_status_list (
  case_status SMALLINT UNSIGNED NOT NULL PRIMARY KEY, case_status_desc VARCHAR(200)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE insurance_plans (                      -- same column NAME as a PHI column, but not PHI
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  ins_provider VARCHAR(250), flagged TINYINT UNSIGNED DEFAULT 0,
  UNIQUE KEY idx_ins_provider (ins_provider)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE procedure_codes (
  procedure_code  VARCHAR(10) NOT NULL,
  procedure_desc  VARCHAR(1000),
  code_category   VARCHAR(20),
  code_status     VARCHAR(20),
  code_pay_amount DECIMAL(10,2) DEFAULT 0.00,
  tier            INT NOT NULL DEFAULT 1,
  asst_surg       TINYINT DEFAULT 0,                -- 0 n/a, 1 optional, 2 billable, 9 not allowed
  PRIMARY KEY (procedure_code, tier),
  KEY idx_tier_procedure (tier, procedure_code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE procedure_codes_desc (
  procedure_code VARCHAR(10) NOT NULL, procedure_desc VARCHAR(1000), code_category VARCHAR(20), code_status VARCHAR(20)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE procedure_code_buckets2 (
  code_bucket VARCHAR(50), tier INT UNSIGNED, pay_amount DECIMAL(10,2), KEY idx_bucket_tier (code_bucket, tier)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE procedure_code_auto_fix (
  entered_code VARCHAR(10) NOT NULL PRIMARY KEY, fixed_code VARCHAR(10) NOT NULL, reason VARCHAR(500),
  created_date TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, active TINYINT DEFAULT 1
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE surgeon_list (
  surgeon_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id VARCHAR(100),
  first_name VARCHAR(250), last_name VARCHAR(250), surgeon_npi BIGINT NOT NULL DEFAULT 0,
  surgeon_addr VARCHAR(100), surgeon_city VARCHAR(50), surgeon_state VARCHAR(50), surgeon_zip VARCHAR(20),
  KEY user_id (user_id)
) ENGINE=InnoDB AUTO_INCREMENT=100001 DEFAULT CHARSET=utf8mb4;
CREATE TABLE deleted_surgeons LIKE surgeon_list;

CREATE TABLE facility_list (                        -- bigint key, although cases.facility_id is int
  facility_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id VARCHAR(100),
  facility_name VARCHAR(1000), facility_npi BIGINT NOT NULL DEFAULT 0,
  facility_addr VARCHAR(100), facility_city VARCHAR(50), facility_state VARCHAR(50), facility_zip VARCHAR(20),
  KEY user_id (user_id)
) ENGINE=InnoDB AUTO_INCREMENT=1000001 DEFAULT CHARSET=utf8mb4;
CREATE TABLE deleted_facilities LIKE facility_list;

-- ---------------------------------------------------------------- cases (the PHI tables)
CREATE TABLE cases (
  case_id                VARCHAR(100) NOT NULL,     -- "<user_id>_<epoch ms>" in practice, supplied by the client
  user_id                VARCHAR(100),              -- row owner = key owner; nullable!
  case_date              DATE,
  patient_first          VARCHAR(250),              -- PHI
  patient_last           VARCHAR(250),              -- PHI
  ins_provider           VARCHAR(250),              -- PHI
  surgeon_id             INT,
  facility_id            INT,
  case_create_ts         TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  case_updated_ts        TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  case_status            SMALLINT DEFAULT 0,
  paid_to_provider_ts    TIMESTAMP NULL,
  biller_status          SMALLINT DEFAULT 0,
  sent_to_biller_ts      TIMESTAMP NULL,
  received_pmnt_ts       TIMESTAMP NULL,
  sent_to_negotiation_ts TIMESTAMP NULL,
  settled_ts             TIMESTAMP NULL,
  sent_to_idr_ts         TIMESTAMP NULL,
  idr_decision_ts        TIMESTAMP NULL,
  closed_ts              TIMESTAMP NULL,
  demo_file              VARCHAR(250),
  note_file              VARCHAR(250),
  misc_file              VARCHAR(250),
  active                 TINYINT DEFAULT 1,
  human_case_id          BIGINT NOT NULL AUTO_INCREMENT,   -- so every INSERT INTO cases yields a LAST_INSERT_ID
  pay_amount             DECIMAL(14,2) NOT NULL DEFAULT 0.00,
  pay_category           VARCHAR(20),
  pending_payment_ts     TIMESTAMP NULL,
  dupe_flag              TINYINT DEFAULT 0,
  admin_file             VARCHAR(250),
  submitted_ts           TIMESTAMP NULL,
  billable_flag_ts       TIMESTAMP NULL,
  docs_needed_ts         TIMESTAMP NULL,
  patient_dob            DATE,                      -- PHI
  phi_encrypted          TINYINT DEFAULT 0,         -- flag of the application's own, older encryption
  rejected_ts            TIMESTAMP NULL,
  PRIMARY KEY (case_id),
  KEY user_id (user_id),
  KEY human_case_id (human_case_id),
  KEY idx_active (active),
  KEY idx_phi_encrypted (phi_encrypted)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE deleted_cases LIKE cases;

CREATE TABLE case_procedure_codes (                 -- no primary key
  case_id VARCHAR(100), procedure_code VARCHAR(10), procedure_desc VARCHAR(1000), asst_surg TINYINT DEFAULT 0,
  KEY case_id (case_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE deleted_case_procedure_codes LIKE case_procedure_codes;

CREATE TABLE case_documents (
  case_id VARCHAR(100), document_type VARCHAR(100), document_name VARCHAR(250), KEY idx_case_id (case_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- ---------------------------------------------------------------- groups / referrals
CREATE TABLE provider_groups (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(250) NOT NULL, admin_user_id VARCHAR(100),
  active TINYINT DEFAULT 1, created_date TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE KEY uq_admin (admin_user_id)   -- the app maps 1062 to "already assigned to another group"
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE provider_group_members (               -- duplicate (1062 / IntegrityError) is caught by the app
  user_id VARCHAR(100) NOT NULL, group_id INT NOT NULL, added_date TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (user_id, group_id), KEY group_id (group_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE referral_payment_amounts (
  user_id VARCHAR(100), pay_category VARCHAR(20), payment_type VARCHAR(20), payment_amount DECIMAL(10,2), KEY user_id (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- ---------------------------------------------------------------- app-level encryption tables
CREATE TABLE user_encryption_keys (
  user_id       VARCHAR(100) NOT NULL PRIMARY KEY,
  encrypted_dek TEXT NOT NULL,                      -- base64(KMS CiphertextBlob)
  key_version   INT DEFAULT 1,
  created_at    TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  rotated_at    TIMESTAMP NULL,
  is_active     TINYINT DEFAULT 1,
  KEY idx_is_active (is_active),
  KEY idx_created_at (created_at),
  CONSTRAINT fk_uek_user FOREIGN KEY (user_id) REFERENCES user_profile (user_id) ON DELETE CASCADE  -- deleting the user deletes the key!
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE encryption_key_audit (
  audit_id            BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id             VARCHAR(100) NOT NULL,
  operation           VARCHAR(50) NOT NULL,         -- generate | rotate | decrypt | error
  performed_by        VARCHAR(100),
  operation_timestamp TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  details             TEXT,                         -- JSON text
  ip_address          VARCHAR(45),
  KEY idx_user_id (user_id), KEY idx_operation (operation), KEY idx_timestamp (operation_timestamp)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- ---------------------------------------------------------------- request log: every endpoint stores its full
-- request and response JSON here, so protected values may stand in clear text in it.
CREATE TABLE request_logs (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, timestamp DATETIME NOT NULL, user_id VARCHAR(64),
  endpoint VARCHAR(255), method VARCHAR(10), request_payload TEXT, query_params TEXT, response_status INT,
  response_payload TEXT, execution_time_ms INT, error_message TEXT, client_ip VARCHAR(64),
  KEY idx_endpoint (endpoint), KEY idx_timestamp (timestamp)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
