#!/bin/sh
# Run a command behind a verified backup with nothing but curl and jq:
#
#     export HOLDFAST_URL=… HOLDFAST_API_KEY=… HOLDFAST_PROJECT=… MIGRATION=0042
#     ./gate-over-http.sh ./migrate.sh up
#
# TIMEOUT_S is how long to wait (7200), PAUSE_S how long between two looks (5). Whatever goes wrong
# ends this script before the command: an answer that cannot be read, a service that is gone, a
# verdict that is not `pass`.
set -eu
: "${HOLDFAST_URL:?}" "${HOLDFAST_API_KEY:?}" "${HOLDFAST_PROJECT:?}" "${MIGRATION:?}" "${1:?}"

api() { # the key goes through a pipe, because everybody may read a process's arguments
    printf 'header = "Authorization: Bearer %s"\n' "$HOLDFAST_API_KEY" |
        curl --config - --silent --show-error --fail --max-time 60 "$@"
}

# A new key for every run: what was written since the last run is in no earlier backup.
key="$MIGRATION $(date +%s) $$"
body=$(jq --null-input --arg project "$HOLDFAST_PROJECT" --arg migration "$MIGRATION" \
    '{project_id: $project, trigger: "pre-migration", migration_id: $migration}')
backup=$(api --header "Idempotency-Key: $key" --header "Content-Type: application/json" \
    --data "$body" "$HOLDFAST_URL/v1/backups" | jq --exit-status --raw-output .id)
echo "waiting for backup $backup" >&2

deadline=$(($(date +%s) + ${TIMEOUT_S:-7200}))
while :; do
    answer=$(api "$HOLDFAST_URL/v1/backups/$backup")
    verdict=$(printf '%s' "$answer" | jq --exit-status --raw-output .gate.verdict)
    case $verdict in
    pass) break ;;
    wait) ;;
    *)
        printf '%s' "$answer" | jq --raw-output '.gate.error | "refused: \(.message). \(.hint)"' >&2
        exit 3
        ;;
    esac
    if [ "$(date +%s)" -ge "$deadline" ]; then
        echo "there is no verified backup after ${TIMEOUT_S:-7200} s" >&2
        api --request POST --header "Content-Type: application/json" --data "{}" \
            --output /dev/null "$HOLDFAST_URL/v1/backups/$backup/cancel"
        exit 1
    fi
    sleep "${PAUSE_S:-5}"
done
exec "$@"
