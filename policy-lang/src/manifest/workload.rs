//! What makes pods of a template: Deployments and their like.

use std::sync::Arc;

use crate::manifest::core::at;
use crate::manifest::object::{ContainerPort, Damage, Metadata, PodNetwork};
use crate::manifest::reader::Reader;
use crate::manifest::tree::{ScalarKind, Value};
use crate::manifest::{metadata, pod};
use crate::name::{Labels, UNREADABLE_LABEL};
use crate::source::Span;

/// What makes pods of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Name, namespace and its own labels, which are not its pods'.
    pub metadata: Metadata,
    /// Its kind.
    pub kind: WorkloadKind,
    /// Who made it, by `metadata.ownerReferences`.
    pub owner: Option<Owner>,
    /// What its pods are like.
    pub template: PodTemplate,
    /// What loading found wrong with its text, its metadata or its pods' labels. No policy can be trusted to select such
    /// pods: their only label is [`UNREADABLE_LABEL`].
    pub damage: Option<Damage>,
}

/// A kind that makes pods.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum WorkloadKind {
    /// apps/v1.
    Deployment,
    /// apps/v1.
    StatefulSet,
    /// apps/v1.
    DaemonSet,
    /// apps/v1; mostly made by a Deployment.
    ReplicaSet,
    /// v1.
    ReplicationController,
    /// batch/v1; may be made by a CronJob.
    Job,
    /// batch/v1.
    CronJob,
}

/// The pods that a workload makes.
#[derive(Clone, Debug, PartialEq)]
pub struct PodTemplate {
    /// Their labels, without those that a controller adds.
    pub labels: Labels,
    /// Whose network they use.
    pub network: PodNetwork,
    /// Declared ports of their containers and of their restartable init containers (sem-61).
    pub ports: Vec<ContainerPort>,
    /// Where their labels are written, or their template; nothing for a workload without one.
    pub span: Option<Span>,
}

/// The object that made another one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Owner {
    /// Its kind, which may be any.
    pub kind: Arc<str>,
    /// Its name, in the same namespace.
    pub name: Arc<str>,
}

impl WorkloadKind {
    /// The `kind` of such objects.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
        }
    }

    fn template(self) -> &'static [&'static str] {
        match self {
            Self::CronJob => &["spec", "jobTemplate", "spec", "template"],
            Self::Deployment
            | Self::StatefulSet
            | Self::DaemonSet
            | Self::ReplicaSet
            | Self::ReplicationController
            | Self::Job => &["spec", "template"],
        }
    }
}

/// A workload. What cannot be read of it has its finding and is left out.
pub(super) fn read(
    kind: WorkloadKind,
    document: &Value,
    metadata: Metadata,
    damage: Option<Damage>,
    reader: &mut Reader<'_>,
) -> Workload {
    let template = at(document, kind.template());
    if let Some(template) = template.filter(|template| template.entries().is_none()) {
        reader.wrong_type(template, "a pod's template, a mapping");
    }
    let errors = reader.errors();
    let written = template.and_then(|template| at(template, &["metadata", "labels"]));
    let mut labels = written.map(|value| metadata::labels(value, reader)).unwrap_or_default();
    let is_doubtful = reader.errors() > errors || written.is_some_and(Value::has_duplicate_key);
    let damage = damage.or(is_doubtful.then_some(Damage::Header));
    if damage.is_some() {
        labels = [(UNREADABLE_LABEL.into(), metadata.name.to_string().into())].into();
    }
    let spec = template.and_then(|template| template.field("spec"));
    let template = PodTemplate {
        labels,
        network: spec.map_or(PodNetwork::Own, |spec| pod::network(spec, reader)),
        ports: spec.map(|spec| pod::container_ports(spec, reader)).unwrap_or_default(),
        span: written.or(template).map(|value| value.span),
    };
    Workload { metadata, kind, owner: owner(document), template, damage }
}

/// The owner that is the controller, or the first one where none says so.
pub(super) fn owner(document: &Value) -> Option<Owner> {
    let references = at(document, &["metadata", "ownerReferences"])?.items()?;
    let controls = |reference: &&Value| {
        let controller = reference.field("controller").and_then(Value::scalar);
        controller.is_some_and(|scalar| scalar.kind() == ScalarKind::Bool(true))
    };
    let reference = references.iter().find(controls).or(references.first())?;
    let text = |field| reference.field(field).and_then(Value::text).cloned();
    Some(Owner { kind: text("kind")?, name: text("name")? })
}
