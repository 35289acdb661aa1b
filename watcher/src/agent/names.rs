//! Whose addresses these are: the question and the answer as they pass the socket.
//!
//! The question is a line, `owners ADDRESS...`; the answer is a JSON object. Only the agent knows it on a node whose source
//! is a cluster, and it keeps no table by address: a cluster is large and it is asked seldom.

use std::collections::BTreeMap;
use std::net::IpAddr;

use policy_lang::name::NamespacedName;
use serde::{Deserialize, Serialize};

use crate::drops::{Owner, Owners};

/// What the line begins with.
const WORD: &str = "owners";

/// Most addresses of one question.
pub const ADDRESSES_MAX: usize = 64;

/// The version of the answer's form.
const VERSION: u32 = 1;

/// The answer.
#[derive(Debug, Deserialize, Serialize)]
pub struct Answer {
    version: u32,
    /// Whether the agent knows the cluster by now.
    knows: bool,
    owners: BTreeMap<IpAddr, Vec<Form>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
enum Form {
    Pod { namespace: String, name: String },
    Node { name: String },
    Service { namespace: String, name: String },
}

/// The line that asks for these.
pub fn question(addresses: &[IpAddr]) -> String {
    let mut line = WORD.to_owned();
    for address in addresses.iter().take(ADDRESSES_MAX) {
        line.push(' ');
        line.push_str(&address.to_string());
    }
    line + "\n"
}

/// The addresses that a line asks for, if it is such a line.
pub fn asked(line: &str) -> Option<Vec<IpAddr>> {
    let mut words = line.split_ascii_whitespace();
    if words.next() != Some(WORD) {
        return None;
    }
    let addresses = words.map(|word| word.parse().ok()).collect::<Option<Vec<IpAddr>>>()?;
    (addresses.len() <= ADDRESSES_MAX).then_some(addresses)
}

impl Answer {
    /// What is known; nothing if the agent knows nothing yet.
    pub fn new(addresses: &[IpAddr], owners: Option<&Owners>) -> Self {
        let of = |address: &IpAddr| Some((*address, owners?.of_address(*address).iter().map(Form::of).collect()));
        Self { version: VERSION, knows: owners.is_some(), owners: addresses.iter().filter_map(of).collect() }
    }

    /// Who has which of the addresses; nothing if the agent knows nothing yet.
    pub fn into_owners(self) -> Option<BTreeMap<IpAddr, Vec<Owner>>> {
        let owners =
            self.owners.into_iter().map(|(address, owners)| (address, owners.into_iter().map(Form::owner).collect()));
        self.knows.then(|| owners.collect())
    }
}

impl Form {
    fn of(owner: &Owner) -> Self {
        let parts = |name: &NamespacedName| (name.namespace.to_string(), name.name.to_string());
        match owner {
            Owner::Pod(name) => {
                let (namespace, name) = parts(name);
                Self::Pod { namespace, name }
            }
            Owner::Node(name) => Self::Node { name: name.to_string() },
            Owner::Service(name) => {
                let (namespace, name) = parts(name);
                Self::Service { namespace, name }
            }
        }
    }

    fn owner(self) -> Owner {
        match self {
            Self::Pod { namespace, name } => Owner::Pod(NamespacedName::new(namespace, name)),
            Self::Node { name } => Owner::Node(name.into()),
            Self::Service { namespace, name } => Owner::Service(NamespacedName::new(namespace, name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::inventory::{Inventory, Node, Pod};

    use super::*;

    #[test]
    fn a_question_is_a_line_and_anything_else_is_none() {
        let addresses: Vec<IpAddr> = vec![[10, 0, 0, 1].into(), "2001:db8::1".parse().unwrap()];
        assert_eq!(asked(&question(&addresses)), Some(addresses));
        assert_eq!(asked("owners\n"), Some(Vec::new()));
        for line in ["", "\n", "owner 10.0.0.1", "owners 10.0.0", &"owners".repeat(9)] {
            assert_eq!(asked(line), None, "{line}");
        }
        let many = format!("owners{}", " 10.0.0.1".repeat(ADDRESSES_MAX + 1));
        assert_eq!(asked(&many), None);
    }

    #[test]
    fn an_answer_is_read_as_it_was_meant() {
        let mut inventory = Inventory::default();
        let (of_pod, of_node, other) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), [10, 0, 0, 3].into());
        inventory.pods.insert(NamespacedName::new("x", "p"), Pod { addresses: vec![of_pod], ..Pod::default() });
        inventory.nodes.insert("n".into(), Node { addresses: vec![of_node], ..Node::default() });
        let asked = [of_pod, of_node, other];
        let owners = Owners::of_addresses(&inventory, &asked);
        let text = serde_json::to_string(&Answer::new(&asked, Some(&owners))).unwrap();
        let found = serde_json::from_str::<Answer>(&text).unwrap().into_owners().unwrap();
        let pod = Owner::Pod(NamespacedName::new("x", "p"));
        assert_eq!(
            found,
            BTreeMap::from([(of_pod, vec![pod]), (of_node, vec![Owner::Node("n".into())]), (other, vec![])])
        );
        assert!(Answer::new(&asked, None).into_owners().is_none());
    }
}
