//! `palisade pause` and `palisade resume`: denials that are lifted for a while.

use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::{Failure, Outcome};
use crate::agent::asked::{Answer, Request, Whom};
use crate::agent::{ask, serve};
use crate::run_dir::RunDir;

/// Lift denials for a while, to break the glass: what would be dropped on behalf of this node's pods of a namespace, or by
/// anything on the whole node, is counted and logged and gets through.
///
/// It takes the agent that runs on this machine. The pause ends by itself, in the kernel: when its time is over, denials
/// are carried out again even if the agent has died meanwhile. A restart of the agent does not prolong it. Connections that
/// were opened meanwhile are judged when it ends, and cut if policy does not permit them. Another pause of the same takes
/// the place of the first. `palisade status --agent` and the metrics say what is paused and for how long.
#[derive(Debug, clap::Args)]
#[command(after_help = PAUSE)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    whom: WhomArgs,

    /// For how long: a number with `s`, `m` or `h`, at most 24h.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lasts: Duration,
}

/// End a pause before its time.
#[derive(Debug, clap::Args)]
#[command(after_help = RESUME)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    whom: WhomArgs,
}

/// Whose denials. Without any, `resume` means all.
#[derive(Debug, clap::Args)]
#[group(id = "whom", multiple = false)]
struct WhomArgs {
    /// Those of this node's pods of a namespace.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,

    /// Everybody's on this node, those of the host rules too.
    #[arg(long)]
    node: bool,
}

const PAUSE: &str = "\
Examples:
  palisade pause --namespace shop --for 10m
  palisade pause --node --for 90s

Exit codes:
  0  paused
  2  the usage is wrong
  3  no agent runs on this machine, or it refuses; the reason is printed";

const RESUME: &str = "\
Examples:
  palisade resume --namespace shop
  palisade resume

Exit codes:
  0  ended
  2  the usage is wrong
  3  no agent runs on this machine, or nothing was paused; the reason is printed";

pub(super) fn pause(args: &PauseArgs) -> Result<Outcome, Failure> {
    let Some(whom) = args.whom.read() else {
        return Err(Failure::Input(anyhow!("say whom: --namespace NAME or --node")));
    };
    request(Request::Pause { whom, seconds: args.lasts.as_secs() })
}

pub(super) fn resume(args: &ResumeArgs) -> Result<Outcome, Failure> {
    request(Request::Resume { whom: args.whom.read() })
}

impl WhomArgs {
    fn read(&self) -> Option<Whom> {
        let Self { namespace, node } = self;
        let namespace = namespace.clone().map(Whom::Namespace);
        namespace.or_else(|| node.then_some(Whom::Node))
    }
}

fn request(request: Request) -> Result<Outcome, Failure> {
    let socket = RunDir::from_environment().file(serve::SOCKET);
    let asked = ask::request(&socket, request).with_context(|| format!("no agent answers at {}", socket.display()));
    let Answer { version: _, refused, done } = asked.map_err(Failure::Refused)?;
    if let Some(why) = refused {
        return Err(Failure::Refused(anyhow!(why)));
    }
    super::print(&format!("{}\n", done.unwrap_or_default()))?;
    Ok(Outcome::Clean)
}

/// `90s`, `10m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number with `s`, `m` or `h`, from 1s to 24h".to_owned();
    let at = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at)).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u64> = number.parse().ok().filter(|_| is_plain);
    let lasts = number.and_then(|number| number.checked_mul(seconds)).map(Duration::from_secs).ok_or_else(wrong)?;
    let is_possible = !lasts.is_zero() && lasts <= crate::agent::pause::LONGEST;
    if is_possible { Ok(lasts) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_an_end() {
        let seconds = |text: &str| duration(text).ok().map(|lasts| lasts.as_secs());
        assert_eq!(["90s", "10m", "24h"].map(seconds), [Some(90), Some(600), Some(86_400)]);
        for wrong in ["", "s", "10", "0m", "25h", "-1m", "+1m", "1.5h", "1d", "99999999999999999999h", "10\u{b5}"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
