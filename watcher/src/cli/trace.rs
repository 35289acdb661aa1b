//! `palisade trace`: packets on their way through the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::ValueEnum;
use engine::apply::our_tables;
use engine::kernel::{KernelError, Netlink, TraceNotice, Traced, TracedStep, Tracer, Wanted};
use engine::observed::RuleHandle;
use engine::ruleset::{Comment, TableKey};
use ipnet::IpNet;
use nix::net::if_::if_nameindex;

use super::{Failure, Outcome, live};
use crate::report::{self, trace as report_trace};

/// How long to wait at once; there is nothing to do in between.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the last packet may still be on its way.
const LAST: Duration = Duration::from_millis(300);

/// Follow packets through the rules, palisade's and others', and print each rule that they match: palisade's by the line of
/// the source that it was made from.
///
/// Packets that fit all that is given are followed from where they come in, or are sent, to where they are dropped or leave,
/// and so are those that answer them: at most 10 a second, after a burst of 20, of each. It goes on until it is stopped, and
/// nothing is followed any more then, however it ends. Lines that are folded into one rule are shown as the first and the
/// last of them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    wanted: WantedArgs,

    /// Stop after this many packets.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Which packets.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct WantedArgs {
    /// Where they come from: an address or a network.
    #[arg(long, value_name = "ADDRESS", value_parser = network)]
    from: Option<IpNet>,

    /// Where they go: an address or a network.
    #[arg(long, value_name = "ADDRESS", value_parser = network)]
    to: Option<IpNet>,

    /// Their protocol.
    #[arg(long, value_enum)]
    protocol: Option<ProtocolWord>,

    /// The port that they go to.
    #[arg(long, value_name = "NUMBER", requires = "protocol")]
    port: Option<u16>,

    /// The interface that they come in by. Packets that this host sends have none, and are followed too.
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
}

/// Protocols by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum ProtocolWord {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP of IPv4.
    Icmp,
    /// `ICMPv6`.
    Icmpv6,
}

const EXAMPLES: &str = "\
Examples:
  palisade trace --to 192.0.2.7 --protocol tcp --port 443
  palisade trace --from 10.244.1.0/24 --count 5

Exit codes:
  0  stopped, or as many packets as were asked for
  2  the usage is wrong
  3  the kernel cannot be read: CAP_NET_ADMIN in the network namespace is needed; it is older than
     5.12; or another process follows packets already";

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = wanted(&args.wanted)?;
    let mut kernel = Netlink::open().map_err(live::refused)?;
    let mut tracer = Tracer::open(&wanted).map_err(|error| {
        let context = if matches!(error, KernelError::Rejected(_) | KernelError::Denied(_)) {
            "packets are not followed without the right to, before Linux 5.12, or while somebody follows some already"
        } else {
            "packets cannot be followed"
        };
        Failure::Refused(anyhow::Error::new(error).context(context))
    })?;
    report::message("following");
    let mut ways = Ways::default();
    // Known only as far as somebody wants to stop by it: they would be more and more.
    let mut seen = BTreeSet::new();
    loop {
        let is_last = args.count.is_some_and(|count| seen.len() as u64 >= count);
        let notice = tracer.next(if is_last { LAST } else { PATIENCE }).map_err(live::refused)?;
        let step = match notice {
            None if is_last => return Ok(Outcome::Clean),
            None => continue,
            Some(TraceNotice::Lost) => {
                report::message("some steps are missing: they come too fast");
                continue;
            }
            Some(TraceNotice::Step(step)) => step,
        };
        if is_last && !seen.contains(&step.packet) {
            if ways.is_over() {
                return Ok(Outcome::Clean);
            }
            continue;
        }
        if args.count.is_some() {
            seen.insert(step.packet);
        }
        let text = ways.line(&mut kernel, &step)?;
        if super::print_on(&text)? == ControlFlow::Break(()) {
            return Ok(Outcome::Clean);
        }
    }
}

fn wanted(args: &WantedArgs) -> Result<Wanted, Failure> {
    let WantedArgs { from, to, protocol, port, interface } = args;
    let is_v4 = |network: &IpNet| matches!(network.addr(), IpAddr::V4(_));
    if let (Some(from), Some(to)) = (from, to)
        && is_v4(from) != is_v4(to)
    {
        return Err(Failure::Input(anyhow!("no packet goes from {from} to {to}: they are of different families")));
    }
    let number = |protocol: &ProtocolWord| match protocol {
        ProtocolWord::Tcp => 6,
        ProtocolWord::Udp => 17,
        ProtocolWord::Sctp => 132,
        ProtocolWord::Icmp => 1,
        ProtocolWord::Icmpv6 => 58,
    };
    let has_ports = matches!(protocol, Some(ProtocolWord::Tcp | ProtocolWord::Udp | ProtocolWord::Sctp));
    if port.is_some() && !has_ports {
        return Err(Failure::Input(anyhow!("ICMP has no ports")));
    }
    if interface.as_ref().is_some_and(|name| name.is_empty() || name.len() > 15) {
        return Err(Failure::Input(anyhow!("interface names have 1 to 15 bytes")));
    }
    Ok(Wanted {
        from: *from,
        to: *to,
        transport: protocol.as_ref().map(|protocol| (number(protocol), *port)),
        interface: interface.as_deref().map(Into::into),
    })
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| format!("`{text}` is neither an address nor a network"))
}

/// What is known of the packets that are followed.
#[derive(Default)]
struct Ways {
    /// The packet whose step was printed last, and what was last said of it.
    shown: Option<(u32, String)>,
    comments: BTreeMap<TableKey, BTreeMap<RuleHandle, Comment>>,
    last: Option<Instant>,
}

impl Ways {
    /// One step, with the packet before it where that is another one or has changed.
    fn line(&mut self, kernel: &mut Netlink, step: &Traced) -> Result<String, Failure> {
        self.last = Some(Instant::now());
        let mut text = String::new();
        if let Some(packet) =
            report_trace::packet(step, interface(step.input).as_deref(), interface(step.output).as_deref())
        {
            let shown = (step.packet, packet);
            if self.shown.as_ref() != Some(&shown) {
                text.push_str(&shown.1);
                self.shown = Some(shown);
            }
        }
        let comment = match step.step {
            TracedStep::Rule(handle) if our_tables().contains(&step.table) => {
                self.comment(kernel, &step.table, handle)?
            }
            TracedStep::Rule(_) | TracedStep::Return | TracedStep::Policy => None,
        };
        text.push_str(&report_trace::step(step, comment.as_ref()));
        Ok(text)
    }

    /// The comment of a rule. The rules are read again where it is not known: they may be others by now.
    fn comment(
        &mut self,
        kernel: &mut Netlink,
        table: &TableKey,
        handle: RuleHandle,
    ) -> Result<Option<Comment>, Failure> {
        let known = |ways: &Self| ways.comments.get(table).and_then(|comments| comments.get(&handle)).cloned();
        if let Some(comment) = known(self) {
            return Ok(Some(comment));
        }
        let comments = kernel.rule_comments(table).map_err(live::refused)?;
        self.comments.insert(table.clone(), comments);
        Ok(known(self))
    }

    /// Whether the packets that were asked for have come to their ends.
    fn is_over(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() > LAST)
    }
}

fn interface(index: Option<u32>) -> Option<String> {
    let all = if_nameindex().ok()?;
    let named = all.iter().find(|one| Some(one.index()) == index)?;
    Some(named.name().to_string_lossy().into_owned())
}
