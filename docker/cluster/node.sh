#!/bin/sh
# One node of a cluster of PostgreSQL: a primary, or a standby of it. NODE is its name, NODES are all of them, and the first
# of NODES makes the cluster. A commit waits until one standby has it on its disk.
#
# Nobody is promoted here: nodes that do not see each other must not both decide. See server/docs/cluster.md.
set -eu
data=/var/lib/postgresql/node/data
others=$(echo "$NODES" | tr ' ' '\n' | grep -vx "$NODE")
first=${NODES%% *}

until [ -s /secrets/password ]; do sleep 0.2; done
export PGPASSFILE=/tmp/pgpass PGCONNECT_TIMEOUT=2
(umask 077 && sed 's/^/*:*:*:*:/' /secrets/password >"$PGPASSFILE")

# The node that is the primary just now, if one of the others is.
primary() {
    for each in $others; do
        [ "$(psql -XAtq -h "$each" -U finpost -d finpost -c 'select pg_is_in_recovery()' 2>/dev/null)" != f ] || echo "$each"
    done | head -n 1
}

# Only the first node, and only when no other one knows better.
make_cluster() {
    initdb -D "$data.new" -U postgres -E UTF8 --locale C --auth-local peer --auth-host scram-sha-256 >/dev/null
    cat >>"$data.new/postgresql.conf" <<END
listen_addresses = '*'
unix_socket_directories = '/tmp'
max_wal_senders = 8
wal_keep_size = 2GB
wal_sender_timeout = 10s
wal_receiver_timeout = 10s
tcp_keepalives_idle = 10
tcp_keepalives_interval = 5
tcp_keepalives_count = 3
END
    printf 'host all all all scram-sha-256\nhost replication replicator all scram-sha-256\n' >>"$data.new/pg_hba.conf"
    password=$(cat /secrets/password)
    postgres --single -D "$data.new" postgres >/dev/null <<END
create role finpost login password '$password'
create role replicator login replication password '$password'
create database finpost owner finpost
END
    # Any one of the others, whoever is the primary.
    echo "synchronous_standby_names = 'ANY 1 ($(echo "$NODES" | tr ' ' ','))'" >>"$data.new/postgresql.conf"
    mv "$data.new" "$data"
}

# A standby, of whoever of the others takes writes, now and later.
follow() {
    rm -rf "$data.new"
    pg_basebackup -R -X stream -c fast -D "$data.new" -d "host=$1 user=replicator" || return 1
    echo "primary_conninfo = 'host=$(echo "$others" | paste -sd,) target_session_attrs=read-write user=replicator passfile=$PGPASSFILE application_name=$NODE connect_timeout=2'" >>"$data.new/postgresql.auto.conf"
    mv "$data.new" "$data"
}

while :; do
    leader=$(primary)
    # It was the primary and another one has taken its place: what it has beyond that was never acknowledged.
    if [ -n "$leader" ] && [ -d "$data" ] && [ ! -e "$data/standby.signal" ]; then
        echo "$NODE: $leader is the primary now; the files of this node are kept in $data.old" >&2
        rm -rf "$data.old"
        mv "$data" "$data.old"
    fi
    if [ -d "$data" ]; then break; fi
    if [ -n "$leader" ]; then
        if follow "$leader"; then break; fi
    elif [ "$NODE" = "$first" ]; then
        rm -rf "$data.new"
        make_cluster
    fi
    sleep 1
done
exec postgres -D "$data" -c "cluster_name=$NODE"
