#!/bin/sh
# Boots a systemd over this machine's own files, which it does not change: an overlay in a mount namespace of its
# own. $1 is an empty folder, $2 the package that is to lie in /var/hookspool.deb.
set -e
mount -t tmpfs -o size=2g tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
# Nothing but what the test needs: no consoles, no network, no other services.
for unit in getty.target systemd-udevd.service systemd-networkd.service systemd-resolved.service cron.service \
    nginx.service postgresql.service prometheus.service apt-daily.timer apt-daily-upgrade.timer; do
    ln -sf /dev/null "$1/root/etc/systemd/system/$unit"
done
: >"$1/root/etc/fstab"
cp "$2" "$1/root/var/hookspool.deb"
# Its filter of system calls is older than Landlock.
exec systemd-nspawn --boot --directory "$1/root" --register=no --keep-unit --private-network --tmpfs=/tmp --quiet \
    --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self"
