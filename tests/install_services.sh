#!/bin/sh
# Installs what tests/services.py needs beside Python, where that is allowed and missing. Quick when all is there.
set -u

have_postgres() {
  command -v initdb >/dev/null 2>&1 && return 0
  for program in /usr/lib/postgresql/*/bin/initdb; do [ -x "$program" ] && return 0; done
  return 1
}

have_mariadb() {
  for program in mariadbd /usr/sbin/mariadbd /usr/libexec/mariadbd; do
    command -v "$program" >/dev/null 2>&1 && return 0
  done
  return 1
}

have_sshd() { command -v sshd >/dev/null 2>&1 || [ -x /usr/sbin/sshd ] || [ -x /usr/local/sbin/sshd ]; }

packages=""
have_postgres || packages="$packages postgresql"
have_mariadb || packages="$packages mariadb-server"
have_sshd || packages="$packages openssh-server"
[ -z "$packages" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "tests are skipped for want of:$packages (the names are those of Debian's packages)" >&2
  exit 0
fi
echo "installing for the tests:$packages"
# No server of the system's own is wanted: the tests make theirs.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
# shellcheck disable=SC2086
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } \
  >/tmp/wherry-apt.log 2>&1 ||
  echo "not all of it could be installed (see /tmp/wherry-apt.log); tests that need it are skipped" >&2
exit 0
