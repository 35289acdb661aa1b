# Sourced: fetches one wheel of PyPI, held to the sum of that very file.
# shellcheck shell=sh

# usage: wheel NAME VERSION SHA256 FOLDER
# Unpacks it in a folder that exists; fails where pip, the registry or the file that is meant cannot be had.
wheel() {
    python3 -m pip --version >/dev/null 2>&1 || return 1
    echo "$1==$2 --hash=sha256:$3" >"$4/wanted"
    python3 -m pip --disable-pip-version-check download --quiet --require-hashes --no-deps --only-binary :all: \
        --timeout 30 --dest "$4" --requirement "$4/wanted" >&2 &&
        python3 -m zipfile --extract "$4"/*.whl "$4"
}
