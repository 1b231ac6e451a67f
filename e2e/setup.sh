#!/bin/bash
# Installs what the end-to-end tests need and does nothing that is done already. Run it as root on Debian, once.
#
#   e2e/setup.sh            MariaDB, MySQL 9.7, the drivers of Python, Node.js, Perl, PHP and Java, Chromium
#   e2e/setup.sh bench      also haproxy and sysbench
set -euo pipefail
cd "$(dirname "$0")"

need=()
have() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
want() { have "$1" || need+=("$1"); }

want mariadb-server
want mariadb-client
want python3-pymysql
want python3-mysqldb
want python3-sqlalchemy
want python3-pytest
want libdbd-mysql-perl
want libdbd-mariadb-perl
want php-cli
want php-mysql
want libmariadb-java
want chromium
want fonts-dejavu-core
command -v node >/dev/null || need+=(nodejs)
command -v npm >/dev/null || need+=(npm)
command -v javac >/dev/null || need+=(default-jdk-headless)
if [ "${1:-}" = bench ]; then
    want haproxy
    want sysbench
fi

if [ ${#need[@]} -gt 0 ]; then
    apt-get update -qq
    # The packages' own servers must not start: the tests run theirs.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"
fi

# Every driver of package.json must be there in its version.
installed='for (const [name, version] of Object.entries(require("./node/package.json").dependencies)) {
    const path = `./node/node_modules/${name}/package.json`;
    if (JSON.parse(require("fs").readFileSync(path)).version !== version) process.exit(1);
}'
if ! node -e "$installed" 2>/dev/null; then
    (cd node && npm ci --no-audit --no-fund --silent)
fi

if [ -n "${PHIPROXY_MYSQLD:-}" ]; then
    [ -x "$PHIPROXY_MYSQLD" ] || { echo "PHIPROXY_MYSQLD is not a program: $PHIPROXY_MYSQLD" >&2; exit 1; }
else
    ./mysql97.sh >/dev/null
fi

/usr/bin/python3 -c 'import pymysql, MySQLdb, sqlalchemy, pytest'
/usr/bin/perl -MDBD::mysql -MDBD::MariaDB -e 1
command -v "${PHIPROXY_MARIADBD:-mariadbd}" >/dev/null
command -v "${PHIPROXY_CHROMIUM:-chromium}" >/dev/null
echo "ready"
