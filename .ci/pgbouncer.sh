#!/bin/sh
# A pgbouncer in transaction mode before the tests' PostgreSQL: `pgbouncer.sh start DIRECTORY URL` prints its URL for TEST_POSTGRES_POOLER,
# `pgbouncer.sh stop DIRECTORY` ends it. URL is what `postgres.sh start` printed.
# Needs the distribution's package (apt-get install -y pgbouncer). It listens on 127.0.0.1 alone, on a free port.
set -eu

usage() {
    echo "usage: $0 start DIRECTORY URL | stop DIRECTORY" >&2
    exit 2
}

[ $# -ge 2 ] || usage
directory=$2
export PATH="$PATH:/usr/sbin"

# pgbouncer refuses to run as root.
unprivileged() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

case $1 in
start)
    [ $# -eq 3 ] || usage
    server=${3#postgres://}
    user=${server%%@*}
    address=${server#*@}
    address=${address%%/*}
    mkdir -p "$directory"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "\"$user\" \"\"" >"$directory/users"
    cat >"$directory/pgbouncer.ini" <<END
[databases]
* = host=${address%:*} port=${address#*:}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $directory/users
pool_mode = transaction
default_pool_size = 20
max_client_conn = 2000
max_db_connections = 40
logfile = $directory/log
pidfile = $directory/pid
END
    [ "$(id -u)" != 0 ] || chown -R postgres "$directory"
    unprivileged pgbouncer --daemon --quiet "$directory/pgbouncer.ini"
    echo "postgres://$user@127.0.0.1:$port/postgres?direct=$address"
    ;;
stop)
    kill "$(cat "$directory/pid")"
    ;;
*)
    usage
    ;;
esac
