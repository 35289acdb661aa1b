#!/bin/sh
# Gets Playwright once per machine, with the Node.js that comes with it, and prints the folder that both are in. The
# browser that it drives is Debian's chromium.
set -eu
cd "$(dirname "$0")"
# shellcheck source=scripts/wheel.sh
. ./wheel.sh

version=1.65.2
case $(uname -m) in
x86_64) sum=58932d35f56767ab7ebcdd3d4a733bfb3e62a1a5bc43c08e28b9fa9b3e61cf33 ;;
aarch64) sum=dd3e54b6a926fc6510f272797eec0707dc34ae04d564e74a7056c4a813e53270 ;;
*)
    echo "$0: no Playwright for $(uname -m)" >&2
    exit 1
    ;;
esac
folder=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/playwright-$version
if [ ! -x "$folder/node" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    wheel playwright "$version" "$sum" "$work"
    chmod 755 "$work/playwright/driver/node"
    mkdir -p "$(dirname "$folder")"
    rm -rf "$folder.new.$$"
    cp -r "$work/playwright/driver" "$folder.new.$$"
    # Somebody else may have been faster.
    mv -T "$folder.new.$$" "$folder" 2>/dev/null || rm -rf "$folder.new.$$"
fi
echo "$folder"
