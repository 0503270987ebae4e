#!/bin/sh
# A private PostgreSQL for the tests: `postgres.sh start DIRECTORY` prints its URL for TEST_POSTGRES, `postgres.sh stop DIRECTORY` ends it.
# It does not wait for the disk: its data need to survive the end of processes, not of the machine.
# Needs the distribution's package (apt-get install -y postgresql-15). It listens on 127.0.0.1 alone, on a free port.
set -eu

usage() {
    echo "usage: $0 start|stop DIRECTORY" >&2
    exit 2
}

[ $# -eq 2 ] || usage
directory=$2
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || { echo "PostgreSQL is not installed" >&2; exit 1; }

# PostgreSQL refuses to run as root; its package brings a user for it.
unprivileged() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

case $1 in
start)
    mkdir -p "$directory"
    [ "$(id -u)" != 0 ] || chown postgres "$directory"
    cd "$directory"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    unprivileged "$bin/initdb" --pgdata "$directory/data" --username aught --auth trust --encoding UTF8 --locale C.UTF-8 >"$directory/initdb.log"
    unprivileged "$bin/pg_ctl" --pgdata "$directory/data" --log "$directory/server.log" --wait start \
        --options "-c fsync=off -c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='$directory' -c max_connections=300" >"$directory/start.log" 2>&1 </dev/null
    echo "postgres://aught@127.0.0.1:$port/postgres"
    ;;
stop)
    cd "$directory"
    unprivileged "$bin/pg_ctl" --pgdata "$directory/data" --mode immediate --wait stop >&2
    ;;
*)
    usage
    ;;
esac
