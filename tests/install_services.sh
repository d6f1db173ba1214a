#!/bin/sh
# Installs what tests/services.py needs beside Python, where that is allowed and missing. Quick when all is there.
set -u

have_postgres() {
  command -v initdb >/dev/null 2>&1 && return 0
  for program in /usr/lib/postgresql/*/bin/initdb; do [ -x "$program" ] && return 0; done
  return 1
}

have_sshd() { command -v sshd >/dev/null 2>&1 || [ -x /usr/sbin/sshd ] || [ -x /usr/local/sbin/sshd ]; }

wanted=""
have_postgres || wanted="postgresql"
have_sshd || wanted="$wanted openssh-server"
[ -z "$wanted" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "tests that need these are skipped: $wanted (Debian: apt-get install $wanted)" >&2
  exit 0
fi
echo "installing for the tests: $wanted"
# No cluster of the system's own is wanted, and no SSH server: the tests make theirs.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
# shellcheck disable=SC2086
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $wanted; } \
  >/tmp/wherry-apt.log 2>&1 ||
  echo "$wanted could not be installed (see /tmp/wherry-apt.log); tests that need them are skipped" >&2
exit 0
