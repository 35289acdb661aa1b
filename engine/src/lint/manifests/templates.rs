//! Pods and templates of pods as they are written, with the classes that they make.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use policy_lang::diagnostic::ObjectRef;
use policy_lang::manifest::tree::Value;
use policy_lang::name::NamespacedName;
use policy_lang::port::Protocol;

use crate::lint::documents::{at, kind, name};
use crate::lint::world::{Class, World};
use crate::lint::written::reference;

/// A pod, or the template of pods.
pub(crate) struct Template<'d> {
    /// What it is written in.
    pub(crate) object: ObjectRef,
    /// Namespace and name of that.
    pub(crate) name: NamespacedName,
    /// What its pods are to policies, as an index of [`World::classes`].
    pub(crate) class: u32,
    /// What its pods are like.
    pub(crate) pod: &'d Value,
}

/// Looks at every pod and template that policy binds in the texts with one of these words.
pub(crate) fn each(world: &World<'_>, words: &[&str], mut look: impl FnMut(&Template<'_>)) {
    let mut classes: BTreeMap<(&str, &NamespacedName), u32> = BTreeMap::new();
    for (class, index) in world.classes.iter().zip(0_u32..) {
        classes.extend(class.members.iter().map(|member| ((member.kind, member.name), index)));
    }
    for document in world.documents.with_words(words, world.sources).iter().flat_map(|text| text.iter()) {
        let (kind, Some(name)) = (kind(document), name(document)) else { continue };
        let Some(class) = classes.get(&(kind, &name)).copied() else { continue };
        let pod = match kind {
            "Pod" => Some(document),
            "CronJob" => at(document, &["spec", "jobTemplate", "spec", "template"]),
            _ => at(document, &["spec", "template"]),
        };
        if let Some(pod) = pod {
            look(&Template { object: reference(kind, &name), name, class, pod });
        }
    }
}

impl Template<'_> {
    /// Its containers, those that run beside the others and those that run before them included.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Value> {
        let lists = ["containers", "initContainers"].into_iter();
        lists.filter_map(|list| at(self.pod, &["spec", list]).and_then(Value::items)).flatten()
    }
}

/// A port as it is written: a number, or the name of a TCP port of a class.
pub(crate) fn port(value: &Value, class: &Class<'_>) -> Option<u16> {
    let text = &value.scalar()?.text;
    let named = || {
        let mut own = class.ports.iter().filter(|own| own.protocol == Protocol::Tcp);
        own.find(|own| own.name.as_deref() == Some(&**text)).map(|own| own.port.get())
    };
    text.parse().ok().map(NonZeroU16::get).or_else(named)
}
