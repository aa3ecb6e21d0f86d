#!/bin/sh
# Builds the image of docs/container.md without a registry: $1 is an empty directory, $2 the program, $3 the document.
# The base image has the programs that the instructions run and the libraries that hookspool needs, from this machine.
set -eu
cd "$1"
PATH=$PATH:/usr/sbin
storage="--root $1/storage --runroot $1/run --storage-driver vfs"

# Debian's directories are links to those below /usr.
below_usr() { sed -E 's,^/(bin|sbin|lib|lib64)/,/usr/\1/,'; }

mkdir -p base/etc base/tmp base/proc base/dev base/usr/bin base/usr/sbin base/usr/lib base/usr/lib64 base/var/lib base/var/mail
for name in bin sbin lib lib64; do ln -s "usr/$name" "base/$name"; done
for program in sh install groupadd useradd; do
    path=$(command -v "$program")
    { echo "$path"; ldd "$path" | grep -o '/[^ ]*'; } | below_usr
done > files
ldd "$2" | grep -o '/[^ ]*' | below_usr >> files
sort -u files | xargs -I{} cp --parents -L {} base
cp /etc/passwd /etc/group base/etc/
container=$(buildah $storage from scratch)
buildah $storage copy -q "$container" base / >/dev/null
buildah $storage commit -q "$container" debian:bookworm-slim >/dev/null

# The stage that compiles needs an image from a registry; the tests have already built the program.
mkdir context
cp "$2" context/hookspool
awk '/^```dockerfile$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$3" |
    sed -n '/^FROM debian/,$p' |
    sed 's,COPY --from=build /source/target/release/hookspool ,COPY hookspool ,' > Dockerfile
buildah $storage bud -q --isolation chroot --pull-never -f Dockerfile -t hookspool context >/dev/null
buildah $storage from --pull-never --name hookspool hookspool >/dev/null
# `buildah run` mounts either the image's own volume or that of the command line, at random.
buildah $storage config --volume /var/lib/hookspool- hookspool
