#!/bin/sh
# Runs in the guest of run.sh: shows that its kernel is 6.1 and has what the integration tests stand on, with packets.
#
# Usage: guest-check.sh FEATURES      FEATURES: the executable made from features.c
#
# Three namespaces in a line (client, router, server), one ruleset in the router that uses what palisade's rulesets use:
# a verdict map, an interval set of concatenations, conntrack, NAT, named counters, limit, log, reject, fib. Ends 0 if
# every check held; prints the first that did not, and ends 1.

set -eu
features=$1

failed() {
    echo "FAILED: $1"
    exit 1
}

# expect TEXT COMMAND...: the command succeeds.
expect() {
    text=$1
    shift
    "$@" >/tmp/output 2>&1 || { cat /tmp/output; failed "$text"; }
    echo "ok: $text"
}

# refuse TEXT COMMAND...: the command fails.
refuse() {
    text=$1
    shift
    if "$@" >/tmp/output 2>&1; then
        cat /tmp/output
        failed "$text"
    fi
    echo "ok: $text"
}

in_client() { ip netns exec client "$@"; }
in_router() { ip netns exec router "$@"; }

# The last packet count that the router's ruleset shows in the named counter.
packets() { in_router nft list counter inet guest "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }

case $(uname -r) in
    6.1.*) echo "ok: kernel $(uname -rv)" ;;
    *) failed "the kernel is $(uname -r), not 6.1" ;;
esac
echo "memory: $(awk '/MemAvailable/ { printf "%d", $2 / 1024 }' /proc/meminfo) MiB available, processors: $(nproc)"

for namespace in client router server; do
    ip netns add $namespace
    ip -n $namespace link set lo up
    # Addresses are usable at once, without the second that duplicate detection takes.
    ip netns exec $namespace sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
done
ip link add west netns router type veth peer name eth0 netns client
ip link add east netns router type veth peer name eth0 netns server
ip -n client addr add 10.0.1.2/24 dev eth0
ip -n client addr add 2001:db8:1::2/64 dev eth0 nodad
ip -n server addr add 10.0.2.2/24 dev eth0
ip -n server addr add 2001:db8:2::2/64 dev eth0 nodad
ip -n router addr add 10.0.1.1/24 dev west
ip -n router addr add 2001:db8:1::1/64 dev west nodad
ip -n router addr add 10.0.2.1/24 dev east
ip -n router addr add 2001:db8:2::1/64 dev east nodad
ip -n client link set eth0 up
ip -n server link set eth0 up
ip -n router link set west up
ip -n router link set east up
ip -n client route add default via 10.0.1.1
ip -n client route add default via 2001:db8:1::1
ip -n server route add default via 10.0.2.1
ip -n server route add default via 2001:db8:2::1
in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
expect 'ping through the router, IPv4' in_client ping -c 3 -W 5 10.0.2.2
expect 'ping through the router, IPv6' in_client ping -6 -c 3 -W 5 2001:db8:2::2

# Measured first without rules and without conntrack, then again with both.
echo "udp, no rules: $(in_client "$features" udp server 10.0.2.2 7000 10000)"

# Unloaded, so that the kernel itself has to ask for it.
rmmod nft_quota
cat >/tmp/ruleset.nft <<'RULES'
table inet guest {
    counter allowed { }
    counter denied { }
    quota plenty { over 1000 mbytes }
    set open {
        type ipv4_addr . inet_proto . inet_service
        flags interval
        elements = { 10.0.2.0/25 . udp . 7000-7009, 10.0.2.0/24 . tcp . 80 }
    }
    set recent {
        type ipv4_addr
        flags dynamic,timeout
        timeout 1m
        size 1024
    }
    chain from_client {
        ct state vmap { established : accept, related : accept, invalid : drop }
        ip daddr . meta l4proto . th dport @open counter name allowed accept
        icmp type echo-request limit rate 1000/second burst 5 packets update @recent { ip saddr } counter name allowed accept
        icmpv6 type echo-request counter name allowed accept
        counter name denied log prefix "guest: " reject with icmpx admin-prohibited
    }
    chain forward {
        type filter hook forward priority 10; policy accept;
        quota name "plenty" drop
        iifname vmap { "west" : jump from_client }
    }
    chain prerouting {
        type nat hook prerouting priority -101; policy accept;
        fib daddr type local udp dport 7100 dnat ip to 10.0.2.2:7001
    }
    chain postrouting {
        type nat hook postrouting priority 99; policy accept;
        ip daddr 10.0.2.2 udp dport 7001 masquerade
    }
}
RULES
expect 'ruleset taken by a dry run' in_router nft -c -f /tmp/ruleset.nft
expect 'ruleset loaded' in_router nft -f /tmp/ruleset.nft
expect 'module loaded on demand' grep -q '^nft_quota ' /proc/modules
expect 'ruleset listed' in_router nft list ruleset
in_router nft list ruleset >/tmp/listed.nft
expect 'listing loads again' in_router sh -c 'nft flush ruleset && nft -f /tmp/listed.nft'
expect 'allowed: ping, IPv4' in_client ping -c 3 -W 5 10.0.2.2
expect 'allowed: ping, IPv6' in_client ping -6 -c 3 -W 5 2001:db8:2::2
[ "$(packets allowed)" = 2 ] || failed "allowed counted $(packets allowed) packets, not one per flow"
expect 'an element was added by a rule' sh -c 'ip netns exec router nft list set inet guest recent | grep -q 10.0.1.2'

denied=$(in_client "$features" udp server 10.0.2.2 7010 100)
echo "$denied" | grep -q 'received 0 ' || failed "denied port: $denied"
[ "$(packets denied)" -ge 1 ] || failed 'nothing counted as denied'
echo "ok: denied port: $denied"
echo 'add element inet guest open { 10.0.2.2 . udp . 7010 }' >/tmp/element.nft
expect 'element added in place' in_router nft -f /tmp/element.nft
opened=$(in_client "$features" udp server 10.0.2.2 7010 100)
echo "$opened" | grep -q 'received 100 ' || failed "opened port: $opened"
echo "ok: opened port: $opened"
refuse 'an overlapping interval is refused' in_router nft 'add element inet guest open { 10.0.2.1-10.0.2.9 . udp . 7005-7020 }'

measured=$(in_client "$features" udp server 10.0.2.2 7001 10000)
echo "$measured" | grep -q 'received 10000 ' || failed "allowed flow lost packets: $measured"
echo "udp, rules and conntrack: $measured"
started=$(cut -d ' ' -f 1 /proc/uptime)
expect '10,000 pings' in_client ping -A -q -c 10000 -w 300 10.0.2.2
grep -q '10000 packets transmitted, 10000 packets received' /tmp/output || failed "$(cat /tmp/output)"
echo "ping, 10,000 in turn: $(awk "BEGIN { printf \"%.2f\", $(cut -d ' ' -f 1 /proc/uptime) - $started }") s"
started=$(cut -d ' ' -f 1 /proc/uptime)
i=0
while [ $i -lt 20 ]; do
    in_router nft -f /tmp/element.nft
    i=$((i + 1))
done
echo "nft -f of one element, 20 in turn: $(awk "BEGIN { printf \"%.2f\", $(cut -d ' ' -f 1 /proc/uptime) - $started }") s"

"$features" nf_tables | sed 's/^/feature: /' | tee /tmp/features
# What palisade must do without here. If one of these changes, so must the notes on this kernel.
for line in 'table yes' 'table-owner yes' 'owned-table-outlives-its-socket no' 'table-persist no' 'table-owner-persist no' \
    'destroy-table no' 'ack-on-batch-end no' 'committed-without-ack yes' 'generation-check yes'; do
    grep -q "^feature: $line" /tmp/features || failed "expected of this kernel: $line"
done

for namespace in client router server; do
    ip netns delete $namespace
done
echo 'guest-check: all held'
