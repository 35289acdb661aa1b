//! A program that applies rulesets is killed at random points: what is in force is always one whole ruleset, and the
//! next run of it leaves nothing of the dead one.

mod listing;
mod palisade;
mod script;

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use engine::kernel::{Kernel as _, Netlink};
use watcher::lab::{Lab, Matrix, Namespace, Service};

use self::listing::Listing;
use self::palisade::Palisade;
use self::script::{Careful, Torn};
use crate::privilege::{can_make_namespaces, report};

/// The two rulesets between which a program goes to and fro.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum World {
    A,
    B,
}

/// A program that applies them on the node, whatever is there.
pub(crate) trait Apply {
    /// The program with its arguments.
    fn command(&self, world: World) -> Command;
    /// The table of the inet family that it writes.
    fn table(&self) -> &'static str;
}

/// One node, three pods on it and a host outside.
pub(crate) const TOPOLOGY: &str = "
    node     node-a    192.168.0.11  2001:db8:0:1::11
    pod      x/client  node-a  10.244.1.11  2001:db8:244:1::11
    pod      x/one     node-a  10.244.1.12  2001:db8:244:1::12
    pod      x/two     node-a  10.244.1.13  2001:db8:244:1::13
    outside  far       203.0.113.10  2001:db8:ffff::10
";

/// The client sends to one pod only, and one of two ports of the node is shut: forward and input, both families.
const MEANING: [&str; 2] = [
    "80/TCP    x/one  x/two\nx/client  open   drop\n\n9001/TCP  node-a\nfar       open\n\n9002/TCP  node-a\nfar       drop\n",
    "80/TCP    x/one  x/two\nx/client  drop   open\n\n9001/TCP  node-a\nfar       drop\n\n9002/TCP  node-a\nfar       open\n",
];

/// How long a program may take that is not killed.
const LIMIT: Duration = Duration::from_secs(60);

/// How often it is looked whether a transaction was committed.
const POLL: Duration = Duration::from_micros(50);
/// Longest wait between a transaction and the kill that follows it.
const AFTERWARDS: Duration = Duration::from_millis(5);

/// What was found after the kills.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Kills that met a living program.
    pub(crate) kills: usize,
    /// After how many of them the new ruleset was in force.
    pub(crate) flipped: usize,
    /// After how many of them objects were left that nothing refers to.
    pub(crate) leftovers: usize,
    /// Everything that must not be.
    pub(crate) broken: Vec<String>,
}

/// When it is enough.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Until {
    /// After so many kills.
    Kills(usize),
    /// As soon as something is broken, or after so many kills.
    Broken(usize),
}

impl Until {
    fn is_reached(self, findings: &Findings) -> bool {
        match self {
            Self::Kills(kills) => findings.kills >= kills,
            Self::Broken(kills) => findings.kills >= kills || !findings.broken.is_empty(),
        }
    }
}

/// Kills the program until it is enough.
pub(crate) fn torture(apply: &impl Apply, until: Until) -> Findings {
    let mut lab = Lab::up(&TOPOLOGY.parse().unwrap()).unwrap();
    lab.listen(&[Service::Tcp(80), Service::Tcp(9001), Service::Tcp(9002)]).unwrap();
    let node = lab.namespace("node-a").unwrap();
    let started = Instant::now();
    let whole = [World::A, World::B, World::A, World::B].map(|world| {
        run(node, apply, world);
        assert_eq!(disagreement(&lab, world), None, "before any kill");
        list(node, apply)
    });
    assert_eq!(whole[0], whole[2], "applying the same again gives something else");
    assert_eq!(whole[1], whole[3], "applying the same again gives something else");
    let duration = duration(node, apply);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut findings = Findings::default();
    let mut current = World::B;
    let mut attempts = 0_usize;
    let mut kernel = node.run(Netlink::open).unwrap().unwrap();
    while !until.is_reached(&findings) {
        assert!(started.elapsed() < LIMIT * 20, "the kills do not meet the program alive: {findings:?}");
        let target = if current == World::A { World::B } else { World::A };
        // Most of a run is reading and thinking. Every other kill waits for the first transactions instead of the clock.
        let moment = match attempts % 4 {
            0 | 2 => Moment::After(duration.mul_f64(random.fraction())),
            1 => Moment::Committed(1, AFTERWARDS.mul_f64(random.fraction())),
            _ => Moment::Committed(2, AFTERWARDS.mul_f64(random.fraction())),
        };
        attempts += 1;
        if !kill(node, &mut kernel, apply.command(target), moment) {
            current = target;
            continue;
        }
        findings.kills += 1;
        let listing = list(node, apply);
        let in_force = listing.in_force();
        let found = [World::A, World::B].into_iter().zip(&whole).find(|(_, whole)| whole.in_force() == in_force);
        if let Some((world, whole)) = found {
            findings.flipped += usize::from(world == target);
            findings.leftovers += usize::from(listing.len() > whole.len());
            findings.broken.extend(disagreement(&lab, world));
        } else {
            let wanted = &whole[usize::from(target == World::B)];
            findings.broken.push(format!("neither ruleset is in force: {}", wanted.in_force().difference(&in_force)));
        }
        run(node, apply, target);
        let after = list(node, apply);
        let wanted = &whole[usize::from(target == World::B)];
        if after != *wanted {
            findings.broken.push(format!("the next run does not tidy up: {}", wanted.difference(&after)));
        }
        current = target;
    }
    findings
}

/// What packets say against this ruleset being in force.
fn disagreement(lab: &Lab, world: World) -> Option<String> {
    let tables = Matrix::parse_all(MEANING[usize::from(world == World::B)]).unwrap();
    let (_, mismatches) = lab.compare(&tables).unwrap();
    let lines: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
    (!lines.is_empty()).then(|| format!("{world:?} is in force, but {}", lines.join("; ")))
}

fn list(node: &Namespace, apply: &impl Apply) -> Listing {
    Listing::parse(&node.nft_list(&["-s", "list", "table", "inet", apply.table()]).unwrap())
}

/// Lets the program do all of its work.
fn run(node: &Namespace, apply: &impl Apply, world: World) {
    let output = node.output(&mut apply.command(world), "");
    output.unwrap_or_else(|error| panic!("{world:?}: {error}"));
}

/// How long the program takes for a change.
fn duration(node: &Namespace, apply: &impl Apply) -> Duration {
    let start = Instant::now();
    run(node, apply, World::A);
    run(node, apply, World::B);
    start.elapsed() / 2
}

/// When a program is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// This long after its start.
    After(Duration),
    /// This long after so many transactions have been committed.
    Committed(u32, Duration),
}

/// Starts the program and kills it; false if it had ended by itself.
fn kill(node: &Namespace, kernel: &mut Netlink, mut command: Command, moment: Moment) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let before = kernel.generation().unwrap();
    let mut child = node.spawn(&mut command).unwrap();
    match moment {
        Moment::After(time) => thread::sleep(time),
        Moment::Committed(transactions, time) => {
            while child.try_wait().unwrap().is_none()
                && kernel.generation().unwrap().0.wrapping_sub(before.0) < transactions
            {
                thread::sleep(POLL);
            }
            thread::sleep(time);
        }
    }
    child.kill().unwrap();
    // The output ends when all that the program started has ended too.
    let output = child.wait_with_output().unwrap();
    !output.status.success()
}

/// Marsaglia's xorshift: the same points on every run, and no two alike.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

#[test]
fn a_careful_script_survives() {
    if !can_make_namespaces("a_careful_script_survives") {
        return;
    }
    let findings = torture(&Careful, Until::Kills(20));
    report(&format!("careful script: {findings:?}"));
    assert_eq!(findings.broken, Vec::<String>::new());
}

#[test]
fn a_torn_script_is_caught() {
    if !can_make_namespaces("a_torn_script_is_caught") {
        return;
    }
    let findings = torture(&Torn, Until::Broken(200));
    report(&format!("torn script: caught after {} kills", findings.kills));
    assert!(!findings.broken.is_empty(), "{findings:?}");
}

#[test]
fn palisade_survives() {
    if !can_make_namespaces("palisade_survives") {
        return;
    }
    let findings = torture(&Palisade::new(), Until::Kills(100));
    report(&format!("palisade: {findings:?}"));
    assert_eq!(findings.broken, Vec::<String>::new());
    assert!(findings.leftovers > 0, "no kill met the program between its transactions");
}
