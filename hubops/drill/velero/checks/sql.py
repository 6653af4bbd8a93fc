"""A statement that psql, mysql or mariadb run in the restored pod, as the user that the container's own settings name.

No password passes through hubops: the shell in the container takes what its image set the server up with.
"""

from __future__ import annotations

from hubops.config.backup import DrillCheck
from hubops.drill.velero.checks import command, place

#: The variables of the official images and of Bitnami's. Those of MySQL decide where both programs are there.
_SCRIPT = """
mysql=$MYSQL_PWD$MYSQL_ROOT_PASSWORD$MYSQL_ROOT_PASSWORD_FILE$MARIADB_ROOT_PASSWORD$MARIADB_ROOT_PASSWORD_FILE
if [ -z "$mysql" ] && command -v psql >/dev/null 2>&1; then
  : "${PGUSER:=${POSTGRES_USER:-${POSTGRESQL_USERNAME:-postgres}}}"
  : "${PGDATABASE:=${POSTGRES_DB:-${POSTGRESQL_DATABASE:-$PGUSER}}}"
  if [ -z "$PGPASSWORD" ]; then
    for file in "$POSTGRES_PASSWORD_FILE" "$POSTGRESQL_PASSWORD_FILE"; do
      if [ -r "$file" ]; then PGPASSWORD=$(cat "$file"); fi
    done
  fi
  : "${PGPASSWORD:=${POSTGRES_PASSWORD:-$POSTGRESQL_PASSWORD}}"
  export PGUSER PGDATABASE PGPASSWORD
  exec psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1"
fi
for program in mysql mariadb; do
  if command -v "$program" >/dev/null 2>&1; then
    for file in "$MYSQL_ROOT_PASSWORD_FILE" "$MARIADB_ROOT_PASSWORD_FILE"; do
      if [ -r "$file" ]; then MYSQL_PWD=$(cat "$file"); fi
    done
    : "${MYSQL_PWD:=${MYSQL_ROOT_PASSWORD:-$MARIADB_ROOT_PASSWORD}}"
    export MYSQL_PWD
    : "${MYSQL_DATABASE:=$MARIADB_DATABASE}"
    exec "$program" --user=root --batch --skip-column-names ${MYSQL_DATABASE:+"$MYSQL_DATABASE"} --execute="$1"
  fi
done
echo "neither psql nor mysql is in this container" >&2
exit 127
"""


def tried(where: place.Place, check: DrillCheck, timeout: float) -> str:
    """The rows, one a line. Raises NotPassed, and what the client raises."""
    return command.run(where, check, ["sh", "-c", _SCRIPT, "hubops", check.sql or ""], timeout)
