#!/bin/sh
# Lays down the root folder of the image: the program, the libraries that it names, and nothing that could run anything
# else.
#
# usage: deploy/image/root.sh BINARY FOLDER
set -eu
binary=$1 folder=$2

case $(readelf -h "$binary" | sed -n 's/^ *Machine: *//p') in
*X86-64) triplet=x86_64-linux-gnu ;;
AArch64) triplet=aarch64-linux-gnu ;;
*)
    echo "$binary is for a machine that there is no image for" >&2
    exit 2
    ;;
esac
tool() {
    if command -v "$triplet-$1" >/dev/null; then echo "$triplet-$1"; else echo "$1"; fi
}

rm -rf "$folder"
# Where a kubelet mounts, on a root that is read-only by then.
mkdir -p "$folder/usr/bin" "$folder/run/palisade" "$folder/var/lib/palisade" "$folder/etc/palisade-agent"
"$(tool strip)" --strip-debug -o "$folder/usr/bin/palisade" "$binary"

packages=
take() {
    install -D -m 755 "$1" "$folder$2"
    # Libraries come with the terms under which they are passed on.
    for path in "$1" "${1#/usr}"; do
        package=$(dpkg-query -S "$path" 2>/dev/null | cut -d: -f1) || package=
        if [ -n "$package" ]; then packages="$packages $package"; break; fi
    done
}
needed() {
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}
interpreter=$(readelf -l "$binary" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
take "/usr/lib/$triplet/${interpreter##*/}" "$interpreter"
wanted=$(needed "$binary")
while [ -n "$wanted" ]; do
    later=
    for name in $wanted; do
        to=/lib/$triplet/$name
        if [ "$name" = "${interpreter##*/}" ] || [ -e "$folder$to" ]; then continue; fi
        take "/usr/lib/$triplet/$name" "$to"
        later="$later $(needed "/usr/lib/$triplet/$name")"
    done
    wanted=$(echo "$later" | xargs)
done

for package in $(echo "$packages" | tr ' ' '\n' | sort -u); do
    install -D -m 644 "/usr/share/doc/$package/copyright" "$folder/usr/share/doc/$package/copyright"
done
here=$(dirname "$0")
for licence in LICENSE-MIT LICENSE-APACHE; do
    install -D -m 644 "$here/../../$licence" "$folder/usr/share/doc/palisade/$licence"
done
