#!/bin/bash
# Builds a tree with a real MySQL 9.7 server for the tests, on a Debian machine whose own release ships only MariaDB.
#
#   e2e/mysql97.sh          build it unless it is there; print the path of its mysqld
#
# The tree lies in $MYSQL97_ROOT (default /var/tmp/mysql97), programs to call in $MYSQL97_ROOT.bin. They run in the tree
# but see this machine's /tmp: data directory, socket and pid file must be below /tmp. Needs root, about 1 GB.
set -euo pipefail

ROOT=${MYSQL97_ROOT:-/var/tmp/mysql97}
BIN=$ROOT.bin
PROGRAMS="mysqld mysql mysqldump mysqladmin"

mount_shared() {
    mountpoint -q "$ROOT/tmp" || mount --bind /tmp "$ROOT/tmp"
    mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc"
}

bootstrap() {
    command -v debootstrap >/dev/null || { apt-get update -qq; apt-get install -y -qq debootstrap; }
    [ -d "$ROOT/usr/share/dpkg" ] && return
    rm -rf --one-file-system "$ROOT"
    debootstrap --variant=minbase sid "$ROOT"
}

install_server() {
    cp -n /etc/apt/apt.conf.d/* "$ROOT/etc/apt/apt.conf.d/" 2>/dev/null || true
    cp /etc/resolv.conf "$ROOT/etc/"
    echo '127.0.0.1 localhost' >"$ROOT/etc/hosts"
    # No service may start inside the tree.
    printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
    chmod +x "$ROOT/usr/sbin/policy-rc.d"
    mount_shared
    chroot "$ROOT" apt-get -o Acquire::Check-Valid-Until=false update -qq
    DEBIAN_FRONTEND=noninteractive chroot "$ROOT" apt-get -o Acquire::Check-Valid-Until=false install -y -qq --no-install-recommends mysql-server
}

write_programs() {
    mkdir -p "$BIN"
    for program in $PROGRAMS; do
        cat >"$BIN/$program" <<SH
#!/bin/sh
mountpoint -q $ROOT/tmp || mount --bind /tmp $ROOT/tmp
exec chroot $ROOT $program "\$@"
SH
        chmod +x "$BIN/$program"
    done
}

if [ ! -x "$BIN/mysqld" ]; then
    log=$(mktemp)
    trap 'echo "MySQL 9.7 could not be installed; the log ends with:" >&2; tail -20 "$log" >&2' ERR
    { bootstrap; install_server; write_programs; } >"$log" 2>&1
    rm -f "$log"
fi
mount_shared
echo "$BIN/mysqld"
