#!/bin/sh
# Installs what tests/services.py needs beside Python, where that is allowed and missing. Quick when all is there.
set -u

have_postgres() {
  command -v initdb >/dev/null 2>&1 && return 0
  for program in /usr/lib/postgresql/*/bin/initdb; do [ -x "$program" ] && return 0; done
  return 1
}

have_postgres && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "tests that need PostgreSQL are skipped: install PostgreSQL (Debian: apt-get install postgresql)" >&2
  exit 0
fi
echo "installing PostgreSQL for the tests"
# No cluster of the system's own is wanted: the tests make theirs.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } \
  >/tmp/wherry-apt.log 2>&1 ||
  echo "PostgreSQL could not be installed (see /tmp/wherry-apt.log); tests that need it are skipped" >&2
exit 0
