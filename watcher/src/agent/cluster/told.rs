//! What the loop has been told of one collection, so that it is told differences only.
//!
//! Of each object only a digest is kept. What was there before a list and is not in it any more is gone, however that
//! came about while nobody watched.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::incremental::Change;
use policy_lang::baseline::Baseline;
use policy_lang::name::NamespacedName;
use policy_lang::share::Pool;
use tokio::sync::Notify;

use super::super::event::{Event, Finding, FoundBaseline, SourceName, Tell};
use super::collection::{Collection, Kind};
use super::meaning::{self, Facts, Meaning};
use super::needs::{self, Needs};
use super::reduced::Reduced;
use super::services::Services;
use super::wire::Identity;

/// What the collections of one cluster share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pool: Pool,
    services: Services,
    /// Those of which everything has been told.
    answered: BTreeSet<Kind>,
    /// Told when one more has answered.
    progress: Rc<Notify>,
}

/// What was told of one collection.
#[derive(Debug)]
pub(super) struct Told {
    collection: Collection,
    source: SourceName,
    tell: Tell,
    shared: Rc<RefCell<Shared>>,
    objects: HashMap<NamespacedName, Known>,
    /// Which reading of everything this is.
    reading: u32,
    /// What is to be told with the next [`Told::flush`].
    waiting: Vec<Change>,
    /// The baseline that is to be told with it.
    baseline: Option<FoundBaseline>,
    /// What is to be told of host rules with it.
    host: Option<Event>,
    /// Whether anything was said of the one object that is looked for.
    has_answer: bool,
    /// What has to be known before that is told.
    needs: Needs,
    /// What was waited for already, whether it came or not.
    waited_for: Needs,
}

#[derive(Debug)]
struct Known {
    digest: [u8; 16],
    reading: u32,
    facts: Facts,
    has_findings: bool,
}

impl Told {
    /// Nothing was told yet.
    pub(super) fn new(collection: Collection, tell: Tell, shared: Rc<RefCell<Shared>>) -> Self {
        Self {
            source: SourceName::new(collection.kind.source()),
            collection,
            tell,
            shared,
            objects: HashMap::new(),
            reading: 0,
            waiting: Vec::new(),
            baseline: None,
            host: None,
            has_answer: false,
            needs: Needs::default(),
            waited_for: Needs::default(),
        }
    }

    /// What this is about.
    pub(super) fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Everything is read again from here on.
    pub(super) fn begin(&mut self) {
        self.reading = self.reading.wrapping_add(1);
    }

    /// An object is now this.
    pub(super) fn put(&mut self, identity: &Identity, reduced: &Reduced) -> ControlFlow<()> {
        let name = self.name(identity);
        let digest = reduced.digest();
        let reading = self.reading;
        if let Some(known) = self.objects.get_mut(&name)
            && known.digest == digest
        {
            known.reading = reading;
            return ControlFlow::Continue(());
        }
        let mut shared = self.shared.borrow_mut();
        let Meaning { facts, service, baseline, host, findings } =
            meaning::of(&self.collection, &name, reduced, &mut shared.pool);
        self.needs = self.needs.and(needs::of(&facts, baseline.as_ref()));
        let kinds = Facts::of(&facts, self.collection.kind);
        let before = self.objects.remove(&name);
        let had_findings = before.as_ref().is_some_and(|known| known.has_findings);
        let has_findings = !findings.is_empty();
        for fact in before.iter().flat_map(|known| known.facts.missing_in(kinds)) {
            self.waiting.push(meaning::gone(self.collection.kind, &name, fact));
        }
        // The name is held once, with the fact.
        let name = facts.iter().find_map(|change| pod_of(change, &name)).unwrap_or(name);
        self.waiting.extend(facts);
        self.waiting.extend(service.into_iter().flat_map(|part| shared.services.put(part)));
        drop(shared);
        let about = format!("{} {name}", self.collection.kind.name());
        self.objects.insert(name, Known { digest, reading, facts: kinds, has_findings });
        if baseline.is_some() {
            self.has_answer = true;
            self.baseline = baseline;
        }
        if let Some(host) = host {
            self.has_answer = true;
            self.host = Some(Event::HostRules(Some(Arc::new(host))));
        }
        if has_findings || had_findings { self.say(about, findings) } else { ControlFlow::Continue(()) }
    }

    /// An object is gone.
    pub(super) fn remove(&mut self, identity: &Identity) -> ControlFlow<()> {
        let name = self.name(identity);
        self.forget(&name)
    }

    /// Everything that there is has been read: what is not among it is gone.
    pub(super) fn end(&mut self) -> ControlFlow<()> {
        let reading = self.reading;
        let mut gone: Vec<_> =
            self.objects.iter().filter(|(_, known)| known.reading != reading).map(|(name, _)| name.clone()).collect();
        gone.sort();
        for name in gone {
            self.forget(&name)?;
        }
        if !std::mem::replace(&mut self.has_answer, true) {
            self.is_absent();
        }
        ControlFlow::Continue(())
    }

    /// What has to be followed before what waits is told.
    pub(super) fn needs(&self) -> Needs {
        self.needs
    }

    /// Waits until everything has been told of what is needed, but not for ever: a policy that is enforced with a peer
    /// too few is better than one that is not.
    pub(super) async fn wait_for_needs(&mut self, limit: Duration) {
        if std::mem::replace(&mut self.waited_for, self.needs) == self.needs {
            return;
        }
        let kinds = self.needs.kinds();
        let progress = Rc::clone(&self.shared.borrow().progress);
        let all = async {
            while !kinds.iter().all(|kind| self.shared.borrow().answered.contains(kind)) {
                progress.notified().await;
            }
        };
        let _too_late = tokio::time::timeout(limit, all).await;
    }

    /// How many changes wait.
    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Tells what waits.
    pub(super) fn flush(&mut self) -> ControlFlow<()> {
        if let Some(baseline) = self.baseline.take() {
            self.tell.tell(&self.source, Event::Baseline(baseline))?;
        }
        if let Some(host) = self.host.take() {
            self.tell.tell(&self.source, host)?;
        }
        if self.waiting.is_empty() {
            return ControlFlow::Continue(());
        }
        self.tell.tell(&self.source, Event::Changed(std::mem::take(&mut self.waiting)))
    }

    /// Tells that the loop knows everything.
    pub(super) fn in_sync(&self) -> ControlFlow<()> {
        let mut shared = self.shared.borrow_mut();
        shared.answered.insert(self.collection.kind);
        shared.progress.notify_waiters();
        drop(shared);
        self.tell.tell(&self.source, Event::InSync)
    }

    /// Tells that changes are not seen any more, and why.
    pub(super) fn lost(&self, why: String) -> ControlFlow<()> {
        self.tell.tell(&self.source, Event::Lost(why))
    }

    fn forget(&mut self, name: &NamespacedName) -> ControlFlow<()> {
        let Some(known) = self.objects.remove(name) else { return ControlFlow::Continue(()) };
        let kind = self.collection.kind;
        self.waiting.extend(known.facts.iter().map(|fact| meaning::gone(kind, name, fact)));
        let mut shared = self.shared.borrow_mut();
        match kind {
            Kind::Service => self.waiting.extend(shared.services.remove_service(name)),
            Kind::EndpointSlice => self.waiting.extend(shared.services.remove_slice(name)),
            Kind::Pod
            | Kind::Namespace
            | Kind::NetworkPolicy
            | Kind::ClusterNetworkPolicy
            | Kind::Baseline
            | Kind::HostRules
            | Kind::Node => {}
        }
        drop(shared);
        self.is_absent();
        if known.has_findings {
            self.say(format!("{} {name}", kind.name()), Vec::new())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// The one object that is looked for is not there.
    fn is_absent(&mut self) {
        match self.collection.kind {
            Kind::Baseline => self.baseline = Some(no_baseline()),
            Kind::HostRules => self.host = Some(Event::HostRules(None)),
            Kind::Pod
            | Kind::Namespace
            | Kind::NetworkPolicy
            | Kind::ClusterNetworkPolicy
            | Kind::Node
            | Kind::Service
            | Kind::EndpointSlice => {}
        }
    }

    fn say(&self, about: String, findings: Vec<Finding>) -> ControlFlow<()> {
        self.tell.tell(&self.source, Event::Said { about: about.into(), findings })
    }

    fn name(&self, identity: &Identity) -> NamespacedName {
        let Identity { namespace, name, resource_version: _ } = identity;
        let namespace = self.shared.borrow_mut().pool.text(Arc::from(namespace.as_str()));
        NamespacedName { namespace, name: Arc::from(name.as_str()) }
    }
}

/// The name of the pod that a change is about, if it is this one.
fn pod_of(change: &Change, name: &NamespacedName) -> Option<NamespacedName> {
    match change {
        Change::Pod(pod, _) if pod == name => Some(pod.clone()),
        Change::Pod(..) | Change::Namespace(..) | Change::Node(..) | Change::Service(..) | Change::Policy(..) => None,
    }
}

fn no_baseline() -> FoundBaseline {
    FoundBaseline { baseline: Baseline::Absent, texts: Vec::new() }
}
