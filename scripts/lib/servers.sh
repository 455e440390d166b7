# shellcheck shell=bash
# Finds, installs, starts and stops servers from the system's packages; sourced by scripts/test and scripts/dev.

fail() {
    printf 'scripts/%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Debian keeps the server's programs off the PATH; the newest version comes first.
find_postgres() {
    local bin
    while read -r bin; do
        PATH="$bin:$PATH"
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
    export PATH
    command -v initdb >/dev/null && command -v pg_ctl >/dev/null
}

find_redis() {
    command -v redis-server >/dev/null && command -v redis-cli >/dev/null
}

# The one that can import aiosmtpd: the system's, where its package is installed, or another.
find_smtp() {
    local python
    for python in /usr/bin/python3 python3; do
        if "$python" -c 'import aiosmtpd' 2>/dev/null; then
            export FLOWMASTERY_TEST_PYTHON="$python"
            return
        fi
    done
    return 1
}

# By the names that the tests look for.
find_chromium() {
    command -v chromium || command -v chromium-browser || command -v google-chrome-stable || [ -x "${CHROME-}" ]
} >/dev/null

# What each of them is called in Debian, and what is needed of it.
declare -A packages=([postgres]=postgresql [redis]=redis-server [smtp]=python3-aiosmtpd [chromium]=chromium)
declare -A needs=([postgres]='PostgreSQL 15 or newer (initdb, pg_ctl)' [redis]='Redis 7 or newer (redis-server, redis-cli)'
    [smtp]='a python3 with aiosmtpd' [chromium]='Chromium (chromium)')

# install_missing NAME...: of postgres, redis, smtp and chromium.
install_missing() {
    local name missing=()
    for name in "$@"; do
        "find_$name" || missing+=("$name")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        for name in "${missing[@]}"; do
            printf 'scripts/%s: %s is missing\n' "${0##*/}" "${needs[$name]}" >&2
        done
        exit 1
    fi
    printf 'scripts/%s: installing what is missing: %s\n' "${0##*/}" "${missing[*]}" >&2
    # The packages would start servers of their own, which nobody needs.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get update -qq </dev/null >&2
    for name in "${missing[@]}"; do
        apt-get install -y -qq --no-install-recommends "${packages[$name]}" </dev/null >&2
        "find_$name" || fail "${needs[$name]} is not to be found, though ${packages[$name]} was installed"
    done
}

# PostgreSQL refuses to run as root; then its files and processes belong to another account.
server_account() {
    if [ "$(id -u)" != 0 ]; then id -un; elif id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

as_server() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
        return
    fi
    local account
    account=$(server_account)
    (cd / && setpriv --reuid="$(id -u "$account")" --regid="$(id -g "$account")" --clear-groups -- "$@")
}

# start_postgres DIR OPTIONS [INITDB-OPTION...]: a PostgreSQL with its data and its socket in DIR, which as_server may write. It listens
# on nothing else, so no port can be taken. A data directory that is there is taken up.
start_postgres() {
    local dir=$1 options="-k '$1' -c listen_addresses= $2" log="$1/postgres.log"
    shift 2
    if [ ! -f "$dir/data/PG_VERSION" ]; then
        as_server initdb -D "$dir/data" -U flowmastery -A trust -E UTF8 --locale=C "$@" >"$log" 2>&1 ||
            { cat "$log" >&2; fail "PostgreSQL could not be set up"; }
    fi
    as_server pg_ctl -D "$dir/data" -l "$dir/server.log" -w -o "$options" start >>"$log" 2>&1 ||
        { cat "$log" "$dir/server.log" >&2; fail "PostgreSQL did not start"; }
}

# stop_postgres DIR MODE: one that runs; MODE as pg_ctl has it.
stop_postgres() {
    [ ! -f "$1/data/postmaster.pid" ] || as_server pg_ctl -D "$1/data" -m "$2" -w stop >/dev/null 2>&1 || true
}

# start_redis DIR: a Redis that keeps nothing, on a socket in DIR; in a session of its own, which Ctrl-C on a terminal does not reach.
start_redis() {
    redis-server --port 0 --unixsocket "$1/redis.sock" --unixsocketperm 700 --save '' --appendonly no --dir "$1" \
        --daemonize yes --pidfile "$1/redis.pid" --logfile "$1/redis.log" >/dev/null </dev/null ||
        { cat "$1/redis.log" >&2; fail "Redis did not start"; }
    local tries=100
    until redis-cli -s "$1/redis.sock" ping >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$1/redis.log" >&2; fail "Redis did not start"; }
        sleep 0.05
    done
}

stop_redis() {
    redis-cli -s "$1/redis.sock" shutdown nosave >/dev/null 2>&1 || true
}
