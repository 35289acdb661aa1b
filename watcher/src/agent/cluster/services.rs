//! Services and the slices of what is behind them, which come by different streams.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engine::incremental::Change;
use engine::inventory::Inventory;
use policy_lang::manifest::{EndpointSlice, Object, Service};
use policy_lang::name::NamespacedName;

use super::meaning::ServicePart;

/// What is known of every Service.
#[derive(Debug, Default)]
pub(super) struct Services {
    parts: HashMap<NamespacedName, Parts>,
    /// The Service that a slice belongs to.
    of_slice: HashMap<NamespacedName, NamespacedName>,
}

#[derive(Debug, Default)]
struct Parts {
    service: Option<Service>,
    slices: BTreeMap<Arc<str>, EndpointSlice>,
}

impl Services {
    /// A part is now this; gives the Services that are different for it.
    pub(super) fn put(&mut self, part: ServicePart) -> Vec<Change> {
        match part {
            ServicePart::Service(service) => {
                let name = service.metadata.name.clone();
                self.parts.entry(name.clone()).or_default().service = Some(service);
                vec![self.change(&name)]
            }
            ServicePart::Slice(slice) => {
                let name = slice.metadata.name.clone();
                let mut changes: Vec<_> = self.remove_slice(&name).into_iter().collect();
                if let Some(service) = &slice.service {
                    let service = NamespacedName::new(Arc::clone(&name.namespace), Arc::clone(service));
                    self.of_slice.insert(name.clone(), service.clone());
                    self.parts.entry(service.clone()).or_default().slices.insert(name.name, slice);
                    changes.push(self.change(&service));
                }
                changes
            }
        }
    }

    /// A Service is gone.
    pub(super) fn remove_service(&mut self, name: &NamespacedName) -> Option<Change> {
        self.parts.get_mut(name)?.service = None;
        Some(self.change(name))
    }

    /// A slice is gone.
    pub(super) fn remove_slice(&mut self, name: &NamespacedName) -> Option<Change> {
        let service = self.of_slice.remove(name)?;
        self.parts.get_mut(&service)?.slices.remove(&name.name);
        Some(self.change(&service))
    }

    fn change(&mut self, name: &NamespacedName) -> Change {
        let parts = self.parts.get(name);
        let objects: Vec<_> = parts
            .into_iter()
            .flat_map(|parts| {
                let service = parts.service.iter().cloned().map(Object::Service);
                service.chain(parts.slices.values().cloned().map(Object::EndpointSlice))
            })
            .collect();
        if objects.is_empty() {
            self.parts.remove(name);
        }
        let (mut inventory, _) = Inventory::from_objects(&objects);
        Change::Service(name.clone(), inventory.services.remove(name))
    }
}
