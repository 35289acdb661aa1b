#!/bin/bash
# Runs programs inside Debian 12's own 6.1 kernel, booted under software emulation.
#
# Usage: tests/kernel/run.sh [OPTION]... -- PROGRAM [ARGUMENT]... [+ PROGRAM [ARGUMENT]...]...
#
#   --file PATH          put a file or directory into the guest at the same absolute path (test data); repeatable
#   --program NAME       put a further program and its libraries into the guest, at the same absolute path; repeatable
#   --env NAME=VALUE     set a variable for every program; repeatable
#   --cwd DIR            directory in which the programs start (default: the project's directory, made if it is missing)
#   --timeout SECONDS    for the whole run, from power-on (default 900)
#   --memory MIB         of the guest (default 2048)
#   --cpus N             of the guest (default 2)
#   -h, --help           print this text
#
# Each PROGRAM (an executable or a #!/bin/sh script) runs as root, one after the other, at its own absolute path. A
# plain "+" separates them. The guest has busybox, the host's nft and ip, and the kernel modules that this file
# names; nf_tables' modules are loaded before the first program. There is no network to the outside.
#
# What it needs: x86-64; the packages qemu-system-x86, busybox-static, cpio, kmod, binutils, nftables and iproute2,
# which it installs by apt when they are missing and it runs as root; and one of
#   - apt sources that offer linux-image-6.1.0-N-amd64 (Debian 12), or
#   - KERNEL_DEB=/path/to/linux-image-6.1*_amd64.deb in the environment.
# The kernel package is unpacked, never installed, and KVM is never used: the emulation is the same on every machine.
#
# What it leaves behind: target/test-kernel/ (the unpacked kernel, about 60 MB, kept for the next run; of the last run
# the results in results.log and the kernel's console in console.log), and the packages it installed. Nothing else.
#
# Exit status:
#   0   every program ended 0, and the kernel reported no fault
#   1   a program failed, or the kernel reported a fault (BUG, WARNING, oops); the text says which
#   2   wrong usage, or something in this machine failed while the guest was being prepared
#   3   the time was up; the text says which program was running
#   4   the guest died or never started its first program; the end of its console is printed
#   77  this machine cannot do it (another processor, no 6.1 kernel offered, packages missing and no root)

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly here
project=$(cd "$here/../.." && pwd -P)
readonly project
readonly work=$project/target/test-kernel
readonly root=$work/initramfs
readonly results=$work/results.log
readonly console=$work/console.log

# Where depmod and nft are; not everyone's PATH has them.
PATH=$PATH:/usr/sbin:/sbin

# Loaded before the first program, in this order. What they depend on comes with them; crc32c_generic is the checksum
# that conntrack and nf_tables ask the crypto layer for by name.
readonly preload=(
    crc32c_generic
    nf_tables nf_conntrack nf_conntrack_netlink nf_nat nfnetlink_log nf_log_syslog
    nft_ct nft_nat nft_chain_nat nft_masq nft_redir nft_fib nft_fib_ipv4 nft_fib_ipv6 nft_fib_inet
    nft_limit nft_log nft_quota nft_connlimit nft_objref nft_numgen nft_hash nft_queue nft_socket nft_tproxy
    nft_reject nft_reject_ipv4 nft_reject_ipv6 nft_reject_inet nft_reject_bridge nft_meta_bridge
    nft_dup_ipv4 nft_dup_ipv6 nft_synproxy nft_flow_offload nf_flow_table_inet
    veth dummy tun bridge br_netfilter nf_conntrack_bridge 8021q
)

# In the guest for the kernel to load on demand, by name pattern under kernel/net.
readonly on_demand=('nf_*.ko*' 'nft_*.ko*' 'nfnetlink*.ko*' 'inet_diag.ko*' 'tcp_diag.ko*' 'udp_diag.ko*')

files=() programs=(nft ip) environment=() commands=()
cwd=$project timeout=900 memory=2048 cpus=2

main() {
    parse_arguments "$@"
    check_machine
    mkdir -p "$work"
    install_packages
    exec 9>"$work/lock"
    flock -n 9 || die 2 "another run uses $work"
    fetch_kernel
    build_initramfs
    boot
    judge
}

usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

say() { printf 'test-kernel: %s\n' "$*" >&2; }

# die STATUS MESSAGE
die() {
    say "$2"
    exit "$1"
}

parse_arguments() {
    while (($#)); do
        case $1 in
            -h | --help) usage && exit 0 ;;
            --) shift && commands=("$@") && break ;;
            --file | --program | --env | --cwd | --timeout | --memory | --cpus)
                (($# > 1)) || die 2 "$1 needs a value"
                case $1 in
                    --file) files+=("$2") ;;
                    --program) programs+=("$2") ;;
                    --env) environment+=("$2") ;;
                    --cwd) cwd=$(realpath -m -- "$2") ;;
                    --timeout) timeout=$2 ;;
                    --memory) memory=$2 ;;
                    --cpus) cpus=$2 ;;
                esac
                shift 2
                ;;
            *) die 2 "unknown argument $1 (see --help)" ;;
        esac
    done
    ((${#commands[@]})) || die 2 "no program to run (see --help)"
    local number setting
    for number in "$timeout" "$memory" "$cpus"; do
        [[ $number =~ ^[1-9][0-9]*$ ]] || die 2 "not a positive number: $number"
    done
    for setting in "${environment[@]}"; do
        [[ $setting =~ ^[A-Za-z_][A-Za-z_0-9]*= ]] || die 2 "not NAME=VALUE: $setting"
    done
}

check_machine() {
    [[ $(uname -s)/$(uname -m) == Linux/x86_64 ]] ||
        die 77 "needs Linux on x86-64: the guest runs this machine's own executables"
}

# Installs the packages whose programs are missing.
install_packages() {
    local missing=() pair
    for pair in qemu-system-x86_64=qemu-system-x86 busybox=busybox-static cpio=cpio depmod=kmod \
        strip=binutils nft=nftables ip=iproute2; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    # A busybox with shared libraries could not be the guest's /init.
    if command -v busybox >/dev/null && ldd "$(command -v busybox)" 2>/dev/null | grep -q '=>'; then
        missing+=(busybox-static)
    fi
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die 77 "missing and no apt-get here: ${missing[*]}"
    ((EUID == 0)) || die 77 "missing: ${missing[*]}; run as root, or: sudo apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    apt_update
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" \
        >"$work/apt.log" 2>&1 || die 2 "apt-get install ${missing[*]} failed; see $work/apt.log"
}

# Only root may refresh the package lists; anyone else works with those that are there.
apt_update() {
    ((EUID != 0)) || apt-get -qq update || say "apt-get update failed; going on with the package lists that are there"
}

# Leaves the kernel in $kernel, a directory of $work, and sets $release, its name as uname -r prints it.
fetch_kernel() {
    if [[ -n ${KERNEL_DEB:-} ]]; then
        [[ -r $KERNEL_DEB ]] || die 2 "KERNEL_DEB=$KERNEL_DEB cannot be read"
        # shellcheck disable=SC2016 # dpkg-deb's variables, not the shell's
        kernel=$work/kernel/$(dpkg-deb --show --showformat '${Package}_${Version}' "$KERNEL_DEB") ||
            die 2 "KERNEL_DEB=$KERNEL_DEB is no Debian package"
        [[ -e $kernel/complete ]] || unpack_kernel "$KERNEL_DEB"
    else
        command -v apt-cache >/dev/null || die 77 "no apt here; set KERNEL_DEB=/path/to/linux-image-6.1*_amd64.deb"
        choose_kernel || { apt_update && choose_kernel; } ||
            die 77 "apt offers no linux-image-6.1.0-N-amd64: that is Debian 12's kernel, and only Debian 12's package \
sources have it. Add them, or set KERNEL_DEB=/path/to/linux-image-6.1*_amd64.deb"
        # The package may have been superseded, and withdrawn, since the lists were read.
        [[ -e $kernel/complete ]] || download_kernel || { apt_update && choose_kernel && download_kernel; } ||
            die 2 "$package could not be fetched"
    fi
    release=$(basename "$kernel"/lib/modules/*)
    say "kernel $release (${kernel##*_})"
}

# Sets $package to the newest 6.1 kernel that apt offers, and $kernel to where its present version belongs.
choose_kernel() {
    package=$(offered_kernel)
    [[ -n $package ]] || return 1
    kernel=$work/kernel/${package}_$(apt-cache show --no-all-versions "$package" | sed -n 's/^Version: //p')
}

download_kernel() {
    local packages=$work/packages
    say "fetching ${kernel##*/}"
    rm -rf "$packages"
    mkdir -p "$packages"
    (cd "$packages" && apt-get -qq download "$package" 2>"$work/apt.log") || return 1
    unpack_kernel "$packages"/*.deb
    rm -rf "$packages"
}

# Prints the name of the newest 6.1 kernel package that apt offers, or nothing: what Debian's linux-image-amd64 stands
# for if that is one, and else the highest number.
offered_kernel() {
    local pattern='linux-image-6\.1\.[0-9]+-[0-9]+-amd64' found
    found=$(apt-cache depends linux-image-amd64 2>/dev/null | grep -Eo "$pattern\$" | head -n 1 || true)
    [[ -n $found ]] || found=$(apt-cache pkgnames linux-image-6.1. | grep -Ex "$pattern" | sort -V | tail -n 1 || true)
    printf '%s\n' "$found"
}

# Takes the kernel and its network modules out of the package; the other 350 MB of drivers are of no use here.
unpack_kernel() {
    local modules
    rm -rf "$work/kernel"
    mkdir -p "$kernel"
    dpkg-deb --fsys-tarfile "$1" | tar -x -C "$kernel" --wildcards \
        './boot/vmlinuz-*' './boot/config-*' '*/lib/modules/*/modules.*' '*/lib/modules/*/kernel/net/*' \
        '*/lib/modules/*/kernel/drivers/net/*' '*/lib/modules/*/kernel/lib/*' '*/lib/modules/*/kernel/crypto/*' ||
        die 2 "$1 could not be unpacked"
    # Packages for a merged /usr carry the modules there.
    [[ ! -d $kernel/usr/lib/modules ]] || mv "$kernel/usr/lib" "$kernel/lib"
    modules=$(echo "$kernel"/lib/modules/*)
    [[ -d $modules && -e $(echo "$kernel"/boot/vmlinuz-*) ]] || die 2 "$1 holds no kernel image, or more than one"
    rm -rf "$modules"/kernel/drivers/net/{ethernet,wireless,usb,phy}
    depmod -b "$kernel" "${modules##*/}"
    touch "$kernel/complete"
}

build_initramfs() {
    local program
    rm -rf "$root"
    mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},proc,sys,dev,tmp,run,root,etc,var/lib,runs}
    chmod 1777 "$root/tmp"
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
    ln -s ../run "$root/var/run"
    copy_busybox
    copy_modules
    for program in "${programs[@]}"; do
        copy_program "$(resolve "$program")"
    done
    put_shell
    copy_files
    write_configuration
    write_commands
    install -m 755 "$here/init" "$root/init"
    (cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) >"$work/initramfs.cpio" ||
        die 2 "the initramfs could not be written"
    say "initramfs $(($(stat -c %s "$work/initramfs.cpio") / 1048576)) MiB"
}

# Prints the absolute path of a program, given as a path or as a name.
resolve() {
    local found
    found=$(command -v -- "$1") || die 2 "no such program: $1"
    [[ -x $found ]] || die 2 "not executable: $1"
    realpath -s -- "$found"
}

copy_busybox() {
    local busybox applet
    busybox=$(command -v busybox)
    install -m 755 "$busybox" "$root/usr/bin/busybox"
    while read -r applet; do
        # The real ones take their place: that ip knows no namespaces, that sh calls such applets ahead of any program.
        [[ $applet =~ ^(ip|sh|busybox)$ ]] || ln -s busybox "$root/usr/bin/${applet##*/}"
    done < <("$busybox" --list)
    # Where the kernel calls it, to load a module on demand.
    ln -s ../bin/busybox "$root/usr/sbin/modprobe"
}

# Copies the modules to be loaded, those that the kernel may ask for, and what they depend on.
copy_modules() {
    local source=$kernel/lib/modules/$release target=$root/usr/lib/modules/$release name path pattern wanted=()
    for name in "${preload[@]}"; do
        path=$(sed -n "s|^\([^:]*/${name}\.ko[^:]*\):.*|\1|p" "$source/modules.dep")
        if [[ -n $path ]]; then
            wanted+=("$path")
        elif ! grep -q "/${name}\.ko" "$source/modules.builtin"; then
            say "note: $release has no module $name"
        fi
    done
    for pattern in "${on_demand[@]}"; do
        while read -r path; do
            wanted+=("$path")
        done < <(cd "$source" && find kernel/net -name "$pattern")
    done
    mkdir -p "$target"
    for path in "${wanted[@]}"; do
        printf '%s\n' "$path"
        sed -n "s|^$path: *||p" "$source/modules.dep" | tr ' ' '\n'
    done | sed '/^$/d' | sort -u | (cd "$source" && xargs cp --parents -t "$target")
    cp "$source"/modules.{order,builtin,builtin.modinfo} "$target/"
    # busybox reads no compressed modules.
    find "$target" -name '*.ko.xz' -exec xz -d {} +
    depmod -b "$root" "$release"
    printf '%s\n' "${preload[@]}" >"$root/etc/modules"
}

# copy_program PATH: copies it without its debugging information, and the shared libraries that it names.
copy_program() {
    local library
    [[ ! -e $root$1 || -L $root$1 ]] || return 0
    put "$1" "$1"
    is_elf "$1" || return 0
    strip --strip-debug "$root$1" 2>/dev/null || say "note: $1 could not be stripped"
    # A static executable makes ldd fail, and needs nothing.
    while read -r library; do
        [[ -e $root$library ]] || put "$library" "$library"
    done < <(ldd "$1" 2>/dev/null | sed -n 's|^[^/]*\(/[^ ]*\) (0x[0-9a-f]*)$|\1|p')
}

# The machine's sh, which is dash on Debian and Ubuntu, as the guest's.
put_shell() {
    local shell
    shell=$(realpath "$(command -v sh)")
    copy_program "$shell"
    ln -sf "$shell" "$root/usr/bin/sh"
}

is_elf() { [[ $(head -c 4 "$1" | tr -d '\0') == $'\x7fELF' ]]; }

# put SOURCE PATH: copies what SOURCE is or points to, writable, to PATH in the guest.
put() {
    mkdir -p "$root$(dirname "$2")"
    rm -f "$root$2"
    cp -L --preserve=mode "$1" "$root$2"
    chmod u+w "$root$2"
}

copy_files() {
    local file path
    for file in "${files[@]}"; do
        [[ -e $file ]] || die 2 "no such file or directory: $file"
        path=$(realpath -s -- "$file")
        if [[ -d $path ]]; then
            mkdir -p "$root$path"
            cp -rLT "$path" "$root$path"
        else
            put "$path" "$path"
        fi
    done
}

write_configuration() {
    local file
    # nft prints and reads protocol and service names by these.
    for file in /etc/protocols /etc/services /etc/iproute2; do
        [[ ! -e $file ]] || cp -rL "$file" "$root/etc/"
    done
    printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/:/bin/false' >"$root/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$root/etc/group"
    printf '%s\n' '127.0.0.1 localhost' '::1 localhost' >"$root/etc/hosts"
    printf '%s\n' 'hosts: files' 'passwd: files' 'group: files' >"$root/etc/nsswitch.conf"
}

# Writes each command line as a script, /runs/1 and up, that init runs, and sets $n_runs.
write_commands() {
    local argument word words=() setting
    n_runs=0
    mkdir -p "$root$cwd"
    for argument in "${commands[@]}" +; do
        if [[ $argument != + ]]; then
            words+=("$argument")
            continue
        fi
        ((${#words[@]})) || die 2 "an empty command between two '+'"
        words[0]=$(resolve "${words[0]}")
        copy_program "${words[0]}"
        n_runs=$((n_runs + 1))
        {
            printf '#!/bin/sh\n'
            for setting in "${environment[@]}"; do
                printf 'export %s=%s\n' "${setting%%=*}" "$(quote "${setting#*=}")"
            done
            printf 'cd %s || exit 126\nexec' "$(quote "$cwd")"
            for word in "${words[@]}"; do
                printf ' %s' "$(quote "$word")"
            done
            printf '\n'
        } >"$root/runs/$n_runs"
        chmod 755 "$root/runs/$n_runs"
        words=()
    done
}

# Quotes a word for a POSIX shell.
quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# Starts the emulator and shows the results as they come. Sets $boot_status: 124 or 137 if the time was up.
boot() {
    local emulator shown
    local kernel_arguments=(
        console=ttyS0 panic=-1 loglevel=5 edd=off mitigations=off random.trust_cpu=1 audit=0 cryptomgr.notests
        # An emulated processor may stand still for seconds on a busy machine; that is no fault of the kernel's.
        nowatchdog rcupdate.rcu_cpu_stall_suppress=1
    )
    local arguments=(
        -nodefaults -no-user-config -nographic -no-reboot -net none -monitor none
        -machine 'pc,acpi=on' -accel 'tcg,thread=multi' -cpu 'max,la57=off' -smp "$cpus" -m "$memory"
        -kernel "$kernel/boot/vmlinuz-$release" -initrd "$work/initramfs.cpio" -append "${kernel_arguments[*]}"
        -serial "file:$console" -serial "file:$results"
    )
    : >"$results"
    : >"$console"
    timeout --kill-after=5 "$timeout" qemu-system-x86_64 "${arguments[@]}" </dev/null 9>&- &
    emulator=$!
    trap 'kill "$emulator" 2>/dev/null || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    tail -n +1 -s 0.2 -f --pid="$emulator" "$results" 9>&- &
    shown=$!
    boot_status=0
    wait "$emulator" || boot_status=$?
    wait "$shown" || true
    trap - EXIT
}

# Reads the markers that init wrote, and the kernel's console, and exits accordingly.
judge() {
    local verdict=0 run status seconds faults
    # The console ends lines with a carriage return.
    sed -i 's/\r$//' "$console"
    faults=$(grep -E 'BUG: |WARNING: |Oops|general protection fault|Kernel panic|INFO: task .* blocked' "$console" || true)
    for ((run = 1; run <= n_runs; run++)); do
        read -r status seconds < <(sed -n "s/^@@ end $run //p" "$results") || status='' seconds=''
        if [[ -z $status ]]; then
            verdict=4
            if grep -q "^@@ start $run\$" "$results"; then
                say "run $run of $n_runs did not end: $(run_words "$run")"
            else
                say "run $run of $n_runs never started: $(run_words "$run")"
            fi
        elif ((status)); then
            ((verdict)) || verdict=1
            say "run $run of $n_runs FAILED with status $status after $seconds s: $(run_words "$run")"
        else
            say "run $run of $n_runs passed in $seconds s: $(run_words "$run")"
        fi
    done
    if [[ -n $faults ]]; then
        ((verdict)) || verdict=1
        say "the kernel reported faults (whole text in $console):"
        printf '%s\n' "$faults" >&2
    fi
    if ((boot_status == 124 || boot_status == 137)); then
        ((verdict != 4)) || verdict=3
        say "the time of $timeout s was up"
    elif ((boot_status)); then
        say "the emulator ended with status $boot_status"
        verdict=4
    fi
    if ((verdict >= 3)); then
        say "the end of the guest's console ($console):"
        tail -n 25 "$console" >&2
    fi
    exit "$verdict"
}

# The command line of a run, as its script has it.
run_words() { sed -n 's/^exec //p' "$root/runs/$1"; }

main "$@"
