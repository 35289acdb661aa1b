//! Looks names up at the name servers of /etc/resolv.conf, with its search list.
//!
//! /etc/hosts is not asked, as ferm does not ask it. A server that fails is asked again, then the next one.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};
use policy_lang::host::{LookupError, Record, Resolver};
use tokio::runtime::{Builder, Runtime};

/// How long one server may take for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// How long all look-ups of one reading may take.
const ALL_MAX: Duration = Duration::from_secs(60);
/// Answers hold no shorter than this, whatever they say of themselves: rules are not compiled again every second.
const HOLDS_MIN: Duration = Duration::from_secs(10);
/// Nor longer than this: a name that moves is noticed within the hour.
const HOLDS_MAX: Duration = Duration::from_secs(3600);

/// The name servers of this machine.
#[derive(Default)]
pub(crate) struct NameServers {
    /// Made for the first name: most rules have none.
    connected: RefCell<Option<Connected>>,
    /// When the first answer holds no longer.
    expires: Cell<Option<Instant>>,
}

struct Connected {
    runtime: Runtime,
    resolver: TokioResolver,
    begun: Instant,
}

impl NameServers {
    /// When the first of the answers holds no longer; nothing if there was none.
    #[cfg(feature = "cluster")]
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.expires.get()
    }
}

impl Connected {
    fn new() -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let resolver = {
            let _entered = runtime.enter();
            let mut builder = TokioResolver::builder_tokio().map_err(|error| error.to_string())?;
            let options = builder.options_mut();
            options.timeout = ANSWER_MAX;
            options.use_hosts_file = ResolveHosts::Never;
            builder.build().map_err(|error| error.to_string())?
        };
        Ok(Self { runtime, resolver, begun: Instant::now() })
    }
}

impl Resolver for NameServers {
    fn look_up(&self, name: &str, record: Record) -> Result<Vec<String>, LookupError> {
        let failed = |reason: String| LookupError { reason };
        let mut slot = self.connected.borrow_mut();
        let Connected { runtime, resolver, begun } = match &mut *slot {
            Some(connected) => connected,
            empty @ None => empty.insert(Connected::new().map_err(failed)?),
        };
        let left = ALL_MAX.saturating_sub(begun.elapsed());
        let kind = match record {
            Record::A => RecordType::A,
            Record::Aaaa => RecordType::AAAA,
            Record::Ns => RecordType::NS,
            Record::Mx => RecordType::MX,
        };
        let answered = runtime.block_on(async { tokio::time::timeout(left, resolver.lookup(name, kind)).await });
        let found = match answered {
            Ok(Ok(found)) => found,
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => {
                self.holds(HOLDS_MIN);
                return Ok(Vec::new());
            }
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed(format!("all names together took longer than {} seconds", ALL_MAX.as_secs()))),
        };
        self.holds(found.valid_until().saturating_duration_since(Instant::now()));
        let mut answers: Vec<String> = found.answers().iter().filter_map(|answer| text(&answer.data)).collect();
        // Servers turn the order round from one answer to the next.
        answers.sort_unstable();
        answers.dedup();
        Ok(answers)
    }
}

impl NameServers {
    fn holds(&self, time: Duration) {
        let expires = Instant::now() + time.clamp(HOLDS_MIN, HOLDS_MAX);
        self.expires.set(Some(self.expires.get().map_or(expires, |earlier| earlier.min(expires))));
    }
}

/// An address, or the name of a server; aliases on the way are neither.
fn text(data: &RData) -> Option<String> {
    if let RData::A(address) = data {
        Some(address.0.to_string())
    } else if let RData::AAAA(address) = data {
        Some(address.0.to_string())
    } else if let RData::NS(server) = data {
        Some(server.0.to_utf8())
    } else if let RData::MX(exchanger) = data {
        Some(exchanger.exchange.to_utf8())
    } else {
        None
    }
}
