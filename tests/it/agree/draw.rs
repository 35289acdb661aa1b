//! Random small clusters: three namespaces, up to ten pods on two nodes, a handful of policies of every tier and shape.
//!
//! A cluster is drawn from a string of bytes, so that a failing one shrinks to a short string.

use engine::compile::ForwardMode;
use engine::compile::options::PodOptions;
use engine::inventory::Inventory;
use policy_lang::policy::Policy;

mod inventory;
mod options;
mod policy;
mod rule;
mod selector;

pub(super) use self::policy::everyone;

const NAMESPACES: [&str; 3] = ["x", "y", "z"];
/// Destination ports that are declared, permitted and asked for.
pub(super) const PORTS: [u16; 5] = [53, 79, 80, 81, 8080];

/// A cluster, what its users wrote, and how its nodes are configured.
pub(super) struct Cluster {
    pub(super) policies: Vec<Policy>,
    pub(super) inventory: Inventory,
    pub(super) forward_mode: ForwardMode,
    pub(super) options: PodOptions,
}

/// Decisions from a string of bytes; when it has ended, every decision is the first choice.
struct Draw<'a>(std::slice::Iter<'a, u8>);

impl Cluster {
    pub(super) fn draw(bytes: &[u8]) -> Self {
        let mut draw = Draw(bytes.iter());
        let inventory = draw.inventory();
        let options = draw.options();
        let forward_mode = draw.pick(&[ForwardMode::PodsFirst, ForwardMode::HostRules]);
        let n_policies = draw.below(7);
        let policies = (0..n_policies).map(|number| draw.policy(number)).collect();
        Self { policies, inventory, forward_mode, options }
    }
}

impl Draw<'_> {
    /// A number below `n`.
    fn below(&mut self, n: u8) -> u8 {
        self.0.next().map_or(0, |byte| byte % n)
    }

    /// True once in `n` times, and never when the bytes have ended.
    fn once_in(&mut self, n: u8) -> bool {
        self.below(n) == n - 1
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.below(u8::try_from(from.len()).unwrap()))]
    }
}
