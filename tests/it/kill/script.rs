//! Stand-ins for a program that applies rulesets: shell scripts around `nft -f`, a careful one and one that is caught.

use std::fmt::Write as _;
use std::process::Command;

use super::{Apply, World};

/// Fills, flips and collects in three transactions.
#[derive(Debug)]
pub(super) struct Careful;

/// Flips one hook after the other.
#[derive(Debug)]
pub(super) struct Torn;

impl Apply for Careful {
    fn command(&self, world: World) -> Command {
        shell(&[fill(world), flip_forward(world) + &flip_input(world), collect(other(world))])
    }

    fn table(&self) -> &'static str {
        "subject"
    }
}

impl Apply for Torn {
    fn command(&self, world: World) -> Command {
        shell(&[fill(world), flip_forward(world), flip_input(world), collect(other(world))])
    }

    fn table(&self) -> &'static str {
        "subject"
    }
}

/// One run of nft for each transaction, with time to be killed in between.
fn shell(transactions: &[String]) -> Command {
    let mut script = String::from("set -e\n");
    for transaction in transactions {
        write!(script, "sleep 0.01\nnft -f - <<'END'\n{transaction}END\n").unwrap();
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

fn name(world: World) -> &'static str {
    match world {
        World::A => "a",
        World::B => "b",
    }
}

fn other(world: World) -> World {
    match world {
        World::A => World::B,
        World::B => World::A,
    }
}

fn fill(world: World) -> String {
    let w = name(world);
    let (pod, port) = match world {
        World::A => ("12", 9002),
        World::B => ("13", 9001),
    };
    format!(
        "add table inet subject
         add chain inet subject {w}_forward
         flush chain inet subject {w}_forward
         add rule inet subject {w}_forward ip saddr 10.244.1.11 ip daddr != 10.244.1.{pod} drop
         add rule inet subject {w}_forward ip6 saddr 2001:db8:244:1::11 ip6 daddr != 2001:db8:244:1::{pod} drop
         add chain inet subject {w}_input
         flush chain inet subject {w}_input
         add rule inet subject {w}_input tcp dport {port} drop\n"
    )
}

fn flip_forward(world: World) -> String {
    let w = name(world);
    format!(
        "add chain inet subject forward {{ type filter hook forward priority 10; }}
         flush chain inet subject forward
         add rule inet subject forward ct state established accept
         add rule inet subject forward jump {w}_forward\n"
    )
}

fn flip_input(world: World) -> String {
    let w = name(world);
    format!(
        "add chain inet subject input {{ type filter hook input priority 10; }}
         flush chain inet subject input
         add rule inet subject input ct state established accept
         add rule inet subject input jump {w}_input\n"
    )
}

fn collect(world: World) -> String {
    let w = name(world);
    let one = |chain: &str| {
        format!(
            "add chain inet subject {w}_{chain}\nflush chain inet subject {w}_{chain}\ndelete chain inet subject {w}_{chain}\n"
        )
    };
    one("forward") + &one("input")
}
