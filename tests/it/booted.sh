#!/bin/sh
# Boots systemd on an overlay of this machine's files, which are not changed, in a separate mount namespace. $1 is an
# empty directory, $2 the package that is copied to /var/hookspool.deb.
set -e
mount -t tmpfs -o size=2g tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
# Disable what the test does not need: consoles, network and other services.
for unit in getty.target systemd-udevd.service systemd-networkd.service systemd-resolved.service cron.service \
    nginx.service postgresql.service prometheus.service apt-daily.timer apt-daily-upgrade.timer; do
    ln -sf /dev/null "$1/root/etc/systemd/system/$unit"
done
: >"$1/root/etc/fstab"
cp "$2" "$1/root/var/hookspool.deb"
# systemd-nspawn ends with 133 when the machine reboots. Its default system call filter is older than Landlock.
status=133
while [ "$status" -eq 133 ]; do
    status=0
    systemd-nspawn --boot --directory "$1/root" --register=no --keep-unit --private-network --tmpfs=/tmp --quiet \
        --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" || status=$?
done
exit "$status"
