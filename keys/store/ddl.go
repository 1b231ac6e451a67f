package store

// Names of the tables, in the database of the store's DSN.
const (
	TableKeys     = "user_encryption_keys" // the guide's: current key of each user
	TableAudit    = "encryption_key_audit" // the guide's
	TableVersions = "phiproxy_key_versions"
	TableLife     = "phiproxy_key_life"
	TableEpoch    = "phiproxy_epoch"
)

// Rows of the epoch table.
const (
	epochFleet = "fleet" // the last change's number
	epochFlush = "flush" // the number of the last change that concerned everybody
)

// Statement is one step of the schema.
type Statement struct {
	Table string // the table it creates or fills
	SQL   string
}

// DDL returns the statements that create what is missing of the key tables; running them again changes nothing. They
// are the same for MySQL, MariaDB and the embedded server. The guide's two tables have the guide's columns, without its
// foreign key, whose ON DELETE CASCADE would destroy the key of every archived case of a deleted user.
func DDL() []Statement {
	return []Statement{
		{TableKeys, `CREATE TABLE IF NOT EXISTS user_encryption_keys (
  user_id       VARCHAR(100) NOT NULL PRIMARY KEY,
  encrypted_dek TEXT NOT NULL COMMENT 'base64 of the wrapped key',
  key_version   INT DEFAULT 1,
  created_at    TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  rotated_at    TIMESTAMP NULL,
  is_active     TINYINT DEFAULT 1 COMMENT '0: reads only',
  KEY idx_is_active (is_active),
  KEY idx_created_at (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`},
		{TableAudit, `CREATE TABLE IF NOT EXISTS encryption_key_audit (
  audit_id            BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id             VARCHAR(100) NOT NULL,
  operation           VARCHAR(50) NOT NULL,
  performed_by        VARCHAR(100),
  operation_timestamp TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  details             TEXT COMMENT 'JSON',
  ip_address          VARCHAR(45),
  KEY idx_user_id (user_id),
  KEY idx_operation (operation),
  KEY idx_timestamp (operation_timestamp)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`},
		{TableVersions, `CREATE TABLE IF NOT EXISTS phiproxy_key_versions (
  user_id       VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  key_version   INT NOT NULL,
  wrapped_dek   TEXT NOT NULL COMMENT 'base64 of the wrapped key',
  key_id        CHAR(32) NOT NULL COMMENT 'commitment of the key, hex',
  kms_key       VARCHAR(255) NOT NULL COMMENT 'master key that wrapped it',
  context_bound TINYINT NOT NULL COMMENT '1: wrapped with an encryption context',
  state         VARCHAR(16) NOT NULL COMMENT 'usable, or no longer loaded',
  epoch         BIGINT UNSIGNED NOT NULL COMMENT 'number of its last change',
  created_at    TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (user_id, key_version),
  KEY idx_epoch (epoch)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`},
		{TableLife, `CREATE TABLE IF NOT EXISTS phiproxy_key_life (
  user_id     VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  key_version INT NOT NULL,
  seals       BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'values sealed under it, at most: counted in blocks',
  ended_at    TIMESTAMP NULL COMMENT 'when it was retired or destroyed',
  PRIMARY KEY (user_id, key_version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`},
		{TableEpoch, `CREATE TABLE IF NOT EXISTS phiproxy_epoch (
  name  VARCHAR(16) NOT NULL PRIMARY KEY,
  epoch BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`},
		{TableEpoch, `INSERT IGNORE INTO phiproxy_epoch (name, epoch) VALUES ('fleet', 0), ('flush', 0)`},
	}
}
