//! The same assertions as live probes: a shell script that tries every connection from inside the pods.
//!
//! What cannot be tried from there is skipped, and the script says so: connections that nodes or addresses open, ranges,
//! and protocols other than TCP. Of a denial that names no port the ports are tried that have a name.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use engine::connectivity::ranges::Family;
use engine::connectivity::{Allowed, Connectivity};
use engine::lint::environment::Environment;
use engine::workloads::Workload;
use policy_lang::manifest::Object;
use policy_lang::port::Protocol;

use super::ends::{Ends, Known};
use super::file::{Expect, File, Test};

/// Most connections that a script tries.
const PROBES_MAX: usize = 10_000;

/// Most ports of one pair: each closed one takes seconds.
const PORTS_MAX: usize = 16;

/// A script that grows.
#[derive(Clone, Debug, Default)]
pub struct Script {
    lines: String,
    count: usize,
    skipped: usize,
    /// What the assertion at hand has told already.
    told: BTreeSet<String>,
}

/// What precedes the probes.
const HEAD: &str = r##"#!/bin/sh
# Connectivity assertions as live probes; prints TAP. Written by `palisade test --emit probe-script`.
# A port on which nothing listens looks like a denial. Each probe runs nc in a container of the pod that connects.
# Other ways to run it:
#   KUBECTL    the client, with its own flags (kubectl)
#   NC         the command in the container; gets ADDRESS PORT (nc -z -w 3)
#   DRY_RUN    set to anything: print the connections and try none
set -u
KUBECTL=${KUBECTL:-kubectl}
NC=${NC:-nc -z -w 3}
number=0
failed=0

# The address of a pod with these labels: NAMESPACE LABELS
address() {
    $KUBECTL -n "$1" get pods -l "$2" --field-selector=status.phase=Running -o 'jsonpath={.items[0].status.podIP}'
}

# A pod with these labels: NAMESPACE LABELS
pod() {
    $KUBECTL -n "$1" get pods -l "$2" --field-selector=status.phase=Running -o 'jsonpath={.items[0].metadata.name}'
}

report() {
    number=$((number + 1))
    if [ "$1" = ok ]; then echo "ok $number - $2"; else failed=$((failed + 1)); echo "not ok $number - $2"; fi
}

# EXPECTED NAME NAMESPACE LABELS ADDRESS PORT
probe() {
    if [ -n "${DRY_RUN:-}" ]; then echo "# $1 $3 $4 $5 $6"; return; fi
    from=$(pod "$3" "$4")
    if [ -z "$from" ] || [ -z "$5" ]; then report no "$2: a pod is missing"; return; fi
    # A missing tool would look like a denial.
    # shellcheck disable=SC2016
    $KUBECTL -n "$3" exec "$from" -- sh -c 'command -v "$0"' "${NC%% *}" >/dev/null 2>&1 ||
        { report no "$2: there is no ${NC%% *} in pod $from"; return; }
    # shellcheck disable=SC2086
    if $KUBECTL -n "$3" exec "$from" -- $NC "$5" "$6" >/dev/null 2>&1; then found=allow; else found=deny; fi
    if [ "$found" = "$1" ]; then report ok "$2"; else report no "$2"; fi
}

"##;

impl Script {
    /// Adds the assertions of a file.
    pub fn add(&mut self, file: &File, objects: &[Object], environment: &Environment, model: &Connectivity<'_>) {
        let known = Known { objects, environment };
        self.comment(&file.path);
        for test in &file.tests {
            self.test(test, known, model);
        }
    }

    /// The whole script.
    pub fn text(&self) -> String {
        let Self { lines, count, skipped, told: _ } = self;
        format!(
            "{HEAD}{lines}\n# {count} probes; {skipped} connections or sets of them cannot be tried from a pod.\n\
             echo \"1..$number\"\n[ \"$failed\" -eq 0 ]\n"
        )
    }

    fn test(&mut self, test: &Test, known: Known<'_>, model: &Connectivity<'_>) {
        let of = |terms, ports| Ends::of(terms, ports, known, model).0;
        let (mut from, mut to) = (of(&test.from, &[]), of(&test.to, &test.ports));
        from.remove(&of(&test.except_from, &[]));
        to.remove(&of(&test.except_to, &[]));
        self.told.clear();
        self.comment(&test.name);
        if test.expect == Expect::Some {
            return self.skip("that at least one connection is permitted");
        }
        if !from.nodes.is_empty() || !from.addresses.is_empty() {
            self.skip("what nodes and addresses open");
        }
        if !to.nodes.is_empty() {
            self.skip("what goes to nodes");
        }
        let entries = &model.scene().workloads.entries;
        let workload = |number: &usize| entries.get(*number);
        for source in from.workloads.keys().filter_map(workload) {
            for (target, ports) in to.workloads.iter().filter_map(|(to, ports)| Some((workload(to)?, ports))) {
                if target != source || source.has_replicas() {
                    let address = format!("\"$(address {})\"", selected(target));
                    let named = target.members.iter().flat_map(|member| &member.ports);
                    let named: BTreeSet<u16> = named.map(|port| port.port).collect();
                    self.probes(test, source, (&target.name.to_string(), &address), (ports, &named));
                }
            }
            for (ranges, ports) in &to.addresses {
                for (family, ranges) in Family::ALL.into_iter().zip(ranges) {
                    for range in ranges {
                        if range.first == range.last {
                            let address = family.address(range.first).to_string();
                            let named = BTreeSet::new();
                            self.probes(test, source, (&address, &quoted(&address)), (ports, &named));
                        } else {
                            self.skip("ranges of addresses");
                        }
                    }
                }
            }
        }
        if test.only {
            self.skip("that nobody else is permitted it");
        }
    }

    fn probes(
        &mut self,
        test: &Test,
        from: &Workload,
        (to, address): (&str, &str),
        (ports, named): (&Allowed, &BTreeSet<u16>),
    ) {
        let mut tcp: Vec<u16> = ports
            .protocols()
            .filter(|(protocol, _)| *protocol == Protocol::Tcp)
            .flat_map(|(_, ports)| ports.iter().cloned().flatten())
            .take(PORTS_MAX + 1)
            .collect();
        if ports.protocols().any(|(protocol, ports)| protocol != Protocol::Tcp && !ports.is_empty()) {
            self.skip("protocols other than TCP");
        }
        if tcp.len() > PORTS_MAX {
            self.skip("so many ports: of these only the ones that have a name");
            tcp = named.iter().copied().filter(|port| ports.contains(Protocol::Tcp, *port)).take(PORTS_MAX).collect();
        }
        for port in tcp {
            if self.count == PROBES_MAX {
                return self.skip("so many connections");
            }
            self.count += 1;
            let name = quoted(&format!("{}: {} -> {to}:{port}", test.name, from.name));
            // Writing to a String cannot fail.
            let _: std::fmt::Result =
                writeln!(self.lines, "probe {} {name} {} {address} {port}", test.expect.word(), selected(from));
        }
    }

    fn skip(&mut self, what: &str) {
        self.skipped += 1;
        if self.told.insert(what.to_owned()) {
            self.comment(&format!("not tried: {what}"));
        }
    }

    fn comment(&mut self, text: &str) {
        let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let _: std::fmt::Result = writeln!(self.lines, "# {line}");
    }
}

/// `NAMESPACE LABELS` for the shell.
fn selected(workload: &Workload) -> String {
    let labels: Vec<String> = workload.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{} {}", quoted(&workload.name.namespace), quoted(&labels.join(",")))
}

fn quoted(text: &str) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("'{}'", text.replace('\'', "'\\''"))
}
