#!/usr/bin/env bash
# The demo: a throwaway PostgreSQL, Weir in front of it, an application that knows of neither, and the events.
# Usage: examples/demo/run.sh path/to/weir      (`make demo` builds and calls it)
# Leaves nothing behind, also after Ctrl-C. Ends with 0 only if exactly the committed rows became events. On a terminal it goes on with an order each
# second until Enter, so that the page with Weir's numbers can be looked at; where there is a desktop it opens the page.
set -euo pipefail

DEMO=$(cd "$(dirname "$0")" && pwd)
weir=${1:?usage: run.sh path/to/weir}
postgres_bin=${POSTGRES_BIN:-/usr/lib/postgresql/15/bin}
[ -x "$weir" ] || { echo "$weir is not there: make build" >&2; exit 1; }
[ -x "$postgres_bin/initdb" ] || { echo "$postgres_bin has no initdb: apt-get install postgresql-15" >&2; exit 1; }

if [ -t 1 ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' yellow=$'\e[33m' red=$'\e[31m' plain=$'\e[0m'
else
  bold="" dim="" green="" yellow="" red="" plain=""
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/weir-demo.XXXXXX")
export DEMO DEMO_FOLDER=$folder
database_pid="" weir_pid="" show_pid="" app_pid="" failed=""

# Asks a process to end and waits for it; after ten seconds it is killed.
end() {
  local signal=$1 pid=$2 tries=0
  [ -n "$pid" ] || return 0
  kill -s "$signal" "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -le 200 ] || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.05
  done
}

clean_up() {
  trap '' INT TERM
  end TERM "$app_pid"
  end TERM "$weir_pid"
  [ -n "$weir_pid" ] || end TERM "$show_pid"
  [ -z "$show_pid" ] || wait "$show_pid" 2>/dev/null || true
  end INT "$database_pid"
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# PostgreSQL refuses to run as root: then it runs as the user its Debian package made.
as_user=()
if [ "$(id -u)" = 0 ]; then
  chown postgres: "$folder"
  as_user=(setpriv --reuid=postgres --regid=postgres --init-groups --)
fi

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
get() { # PATH of Weir's admin listener
  local line
  exec 3<>"/dev/tcp/127.0.0.1/$admin_port" || return 1
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$1" >&3
  while IFS= read -r line <&3; do printf '%s\n' "$line"; done
  exec 3>&-
}
# "NAME VALUE" of the metrics.
metric() { get /metrics | sed -n "s/^$1 //p" | tr -d '\r'; }
sql() { psql -X -q -A -t -h "$folder" -p "$database_port" -U shop -d shop "$@"; } # past Weir, over the unix socket

# Waits until `command…` succeeds; fails when the process behind it has ended or ten seconds are over.
wait_for() {
  local what=$1 pid=$2 tries=0
  shift 2
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || ! kill -0 "$pid" 2>/dev/null; then
      echo "$what did not start:" >&2
      cat "$folder"/*.log >&2
      exit 1
    fi
    sleep 0.05
  done
}

start_database() {
  (cd "$folder" && "${as_user[@]}" "$postgres_bin/initdb" -D "$folder/data" -U shop -A trust -E UTF8 --no-locale \
    --no-sync) >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
  database_port=$(free_port)
  (cd "$folder" && exec "${as_user[@]}" "$postgres_bin/postgres" -D "$folder/data" -c port="$database_port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories="$folder") >"$folder/postgres.log" 2>&1 &
  database_pid=$!
  wait_for PostgreSQL "$database_pid" psql -X -h "$folder" -p "$database_port" -U shop -d postgres -c 'SELECT 1'
  psql -X -q -h "$folder" -p "$database_port" -U shop -d postgres -c 'CREATE DATABASE shop'
  sql -v ON_ERROR_STOP=1 -f "$DEMO/schema.sql"
}

# Prints each event as it comes, coloured by what happened, and keeps it for `events` and for the end.
show_events() {
  while IFS= read -r line; do
    local time xid op rest colour=""
    read -r time xid op rest <<<"$line"
    case $op in
      INSERT) colour=$green ;;
      UPDATE) colour=$yellow ;;
      DELETE) colour=$red ;;
    esac
    printf '   %s\n' "$dim$time $xid$plain $colour$op$plain $rest"
    printf '%s\n' "$line" >>"$folder/shown"
  done
}

start_weir() {
  weir_port=$(free_port)
  admin_port=$(free_port)
  page=http://127.0.0.1:$admin_port
  : >"$folder/shown"
  mkfifo "$folder/events"
  show_events <"$folder/events" &
  show_pid=$!
  "$weir" --listen "127.0.0.1:$weir_port" --upstream "postgresql://shop@127.0.0.1:$database_port/shop" \
    --admin.listen "127.0.0.1:$admin_port" --journal "$folder/journal" --emit stdout --format readable >"$folder/events" 2>"$folder/weir.log" &
  weir_pid=$!
  wait_for Weir "$weir_pid" psql -X -h 127.0.0.1 -p "$weir_port" -U shop -d shop -c 'SELECT 1'
}

# not_emitted WHAT WHY PATTERN QUERY: no event may match, and the database must have no such row either.
not_emitted() {
  printf '   %-36s %s\n' "$1" "$dim$2$plain"
  if grep -q -- "$3" "$folder/shown" || [ "$(sql -c "SELECT count(*) FROM $4")" != 0 ]; then
    echo "   ${red}but it was emitted, or stands in the database: please report this$plain"
    failed=yes
  fi
}

open_page() {
  [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null || return 0
  xdg-open "$page/" >/dev/null 2>&1 || true
}

# For whoever looks at the page.
go_on_until_enter() {
  echo
  echo "The page at $bold$page/$plain shows this as it happens. An order comes each second; Enter ends the demo."
  open_page
  until read -r -t 1; do
    [ $? -gt 128 ] || break # not the time: the end of what is typed
    psql -X -q -h 127.0.0.1 -p "$weir_port" -U shop -d shop -c "INSERT INTO orders (customer) VALUES ('Dora')" || return 1
  done
}

echo "${bold}Weir demo$plain: starting a throwaway PostgreSQL and Weir in front of it …"
start_database
start_weir
echo "PostgreSQL listens on port $database_port. The application is told port $weir_port, Weir's; nothing else changes."
echo "Weir's page: $page/   for Prometheus: $page/metrics"
echo "Each statement stands as it was sent. Below it, indented: the events, as they come."

stdbuf -oL psql -X -e -h 127.0.0.1 -p "$weir_port" -U shop -d shop <"$DEMO/app.sql" 2>&1 &
app_pid=$! # in the background, because a trap only runs once the foreground has ended
wait "$app_pid"
app_pid=""

echo
echo "${bold}Emitted$plain: $(wc -l <"$folder/shown") events, one for each row that was committed."
echo "${bold}Not emitted$plain, because it never became true:"
not_emitted "Bob's order, one order and one line" "ROLLBACK" Bob "orders WHERE customer = 'Bob'"
not_emitted "Cleo's gift wrapping" "ROLLBACK TO SAVEPOINT; the rest of her order was committed" '\<wrap\>' \
  "order_lines WHERE sku = 'wrap'"
not_emitted "50 lamps out of 5" "the statement failed: stock may not be negative" 'stock=-45' "products WHERE stock < 0"
counted=$(metric weir_events_released_total)
echo "${bold}Counted$plain by Weir itself: weir_events_released_total $counted, at $page/metrics"
[ "$counted" = 12 ] || { echo "${red}the metrics say otherwise$plain"; failed=yes; }
[ "$(wc -l <"$folder/shown")" = 12 ] || { echo "${red}expected 12 events$plain"; failed=yes; }
if [ -n "$failed" ]; then
  cat "$folder/weir.log" >&2
  exit 1
fi
[ ! -t 0 ] || [ ! -t 1 ] || go_on_until_enter
