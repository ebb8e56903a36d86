#!/bin/sh
# What the image does, in short: at the first start the server is set up, as root and behind another port; then its files are given to the user
# influxdb, as whom it runs.
set -eu
folder=/var/lib/influxdb2
paths="--bolt-path $folder/influxd.bolt --engine-path $folder/engine --sqlite-path $folder/influxd.sqlite"
if [ ! -e $folder/influxd.bolt ]; then
    # shellcheck disable=SC2086
    influxd $paths --http-bind-address 127.0.0.1:9999 &
    first=$!
    until curl -sf -o /dev/null http://127.0.0.1:9999/health; do sleep 0.2; done
    jq -n --rawfile user "$DOCKER_INFLUXDB_INIT_USERNAME_FILE" --rawfile password "$DOCKER_INFLUXDB_INIT_PASSWORD_FILE" \
        --rawfile token "$DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE" --arg org "$DOCKER_INFLUXDB_INIT_ORG" --arg bucket "$DOCKER_INFLUXDB_INIT_BUCKET" \
        '{username: ($user | rtrimstr("\n")), password: ($password | rtrimstr("\n")), token: ($token | rtrimstr("\n")), org: $org, bucket: $bucket}' |
        curl -sf -o /dev/null -H "Content-Type: application/json" --data-binary @- http://127.0.0.1:9999/api/v2/setup
    kill $first
    wait $first || true
fi
chown -R influxdb:influxdb $folder /etc/influxdb2
# shellcheck disable=SC2086
exec setpriv --reuid influxdb --regid influxdb --clear-groups "$@" $paths
