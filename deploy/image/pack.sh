#!/bin/sh
# Packs a root folder into an image archive: an OCI layout, which podman, containerd and skopeo take, with the list that
# `docker load` looks for beside it. The same folder gives the same bytes.
#
# usage: deploy/image/pack.sh FOLDER amd64|arm64 VERSION ARCHIVE
set -eu
folder=$1 machine=$2 version=$3 archive=$4

# The time of everything in it.
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$(dirname "$0")" log -1 --format=%ct 2>/dev/null || echo 0)}
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
blobs=$work/layout/blobs/sha256
mkdir -p "$blobs"

pack() {
    tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$epoch" --mode=u+rwX,go=rX "$@"
}
sum() {
    sha256sum "$1" | cut -d' ' -f1
}
# Files a blob under its sum, and prints the sum.
file() {
    sum=$(sum "$1")
    mv "$1" "$blobs/$sum"
    echo "$sum"
}
size() {
    stat -c %s "$blobs/$1"
}

pack -C "$folder" -cf "$work/layer" .
plain=$(sum "$work/layer")
gzip -n -9 "$work/layer"
layer=$(file "$work/layer.gz")

cat >"$work/config" <<END
{"architecture":"$machine","os":"linux","created":"$created","config":{"User":"0:0","Env":["PATH=/usr/bin"],"Entrypoint":["/usr/bin/palisade"],"Cmd":["--help"],"WorkingDir":"/","Labels":{"org.opencontainers.image.title":"palisade","org.opencontainers.image.version":"$version","org.opencontainers.image.licenses":"(MIT OR Apache-2.0) AND GPL-2.0-or-later AND LGPL-2.1-or-later"}},"rootfs":{"type":"layers","diff_ids":["sha256:$plain"]},"history":[{"created":"$created","created_by":"deploy/image/pack.sh"}]}
END
config=$(file "$work/config")
cat >"$work/manifest" <<END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config","size":$(size "$config")},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:$layer","size":$(size "$layer")}]}
END
manifest=$(file "$work/manifest")

cd "$work/layout"
echo '{"imageLayoutVersion":"1.0.0"}' >oci-layout
# The first name is for podman, the second for containerd, which the kubelet asks.
cat >index.json <<END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$manifest","size":$(size "$manifest"),"platform":{"architecture":"$machine","os":"linux"},"annotations":{"org.opencontainers.image.ref.name":"$version","io.containerd.image.name":"docker.io/library/palisade:$version"}}]}
END
cat >manifest.json <<END
[{"Config":"blobs/sha256/$config","RepoTags":["palisade:$version"],"Layers":["blobs/sha256/$layer"]}]
END
cd - >/dev/null
pack -C "$work/layout" -cf "$archive.new" blobs index.json manifest.json oci-layout
mv "$archive.new" "$archive"
echo "$archive: palisade:$version for linux/$machine, $(stat -c %s "$archive") bytes, sha256:$manifest" >&2
