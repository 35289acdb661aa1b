//! Rules: matches, actions and their options, in any order.

use policy_lang::host::reference::{Described, OperandShape, Owner, Place};

use super::Generator;

/// What matches are written before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Before {
    /// The rule's own action.
    Action,
    /// A block, which may hold subchains.
    Block,
    /// A subchain.
    Subchain,
}

impl Generator {
    /// A whole rule.
    pub(super) fn rule(&mut self) {
        let after = self.random.once_in(6);
        if after {
            self.action();
        }
        self.matches(4, Before::Action);
        if !self.fragments.is_empty() && self.random.once_in(4) && self.domain == "ip" {
            let (name, count) = self.fragments[self.random.below(self.fragments.len())].clone();
            let call = self.call(&name, count);
            self.put(&call);
        }
        if !after && !self.random.once_in(60) {
            self.action();
        }
        self.put(";");
    }

    /// Up to `most` matches; before a subchain at least one.
    pub(super) fn matches(&mut self, most: usize, before: Before) {
        if before == Before::Subchain {
            let address = self.address();
            self.put(&format!("saddr {address}"));
        }
        for _ in 0..self.random.below(most + 1) {
            // What a rule outside of a subchain has loaded ferm takes for loaded inside of it, and iptables does not.
            self.one_match(before == Before::Action);
        }
    }

    fn one_match(&mut self, modules: bool) {
        let kind = self.random.below(12);
        match (self.domain, kind) {
            ("ip", 0..=1) => self.protocol(),
            ("ip", 2..=5) if modules => self.module(),
            ("ip", 6) if modules => {
                let name = self.random.pick(&["xyz", "(xyz abc)", "eui64", "(state limit)", "()"]);
                self.put(&format!("mod {name}"));
            }
            ("ip", 7..=8) => {
                let address = self.address();
                let word = self.random.pick(&["saddr", "daddr", "source", "destination"]);
                // Of a negated list that waits for the domain ferm takes the first address, or dies.
                let not = if address.starts_with(['@', '$']) || !self.random.once_in(6) { "" } else { "!" };
                self.put(&format!("{word} {not}{address}"));
            }
            ("ip", 9) if modules => {
                let text = self.string();
                self.put(&format!("comment {text}"));
            }
            ("eb", 0..=3) => {
                let name = self.random.pick(&["IPv4", "IPv6", "ARP", "RARP", "802_1Q", "LENGTH"]);
                self.put(&format!("proto {name}"));
                self.words_of(Owner::Protocol(name), 2);
            }
            _ => {
                let domain = self.domain;
                if modules {
                    self.words_of(Owner::Chain, 1);
                } else {
                    let interface = self.random.pick(&["interface eth0", "outerface !eth1", "of (eth0 eth1)"]);
                    self.put(if domain == "ip" { interface } else { "interface !eth0" });
                }
            }
        }
    }

    fn protocol(&mut self) {
        let name = self.random.pick(&[
            "tcp",
            "tcp",
            "tcp",
            "udp",
            "icmp",
            "icmpv6",
            "sctp",
            "dccp",
            "mh",
            "udplite",
            "esp",
            "(tcp udp)",
            "!udp",
            "(tcp)",
            "6",
            "all",
            "(icmp tcp)",
        ]);
        let word = self.random.pick(&["proto", "protocol"]);
        self.put(&format!("{word} {name}"));
        match name {
            "tcp" | "udp" | "(tcp udp)" | "(tcp)" => {
                let ports = self.value();
                let word = self.random.pick(&["sport", "dport", "sports", "dports", "sport 1 dport"]);
                if self.random.once_in(2) {
                    self.put(&format!("{word} {ports}"));
                }
            }
            _ => {}
        }
        let known = ["tcp", "icmp", "sctp", "dccp", "mh"].into_iter().find(|known| *known == name);
        if let Some(known) = known {
            self.words_of(Owner::Protocol(known), 2);
        }
    }

    fn module(&mut self) {
        let at = self.random.below(self.modules.len());
        // What Debian's ferm does not know yet is not asked of it.
        let name = match self.modules[at] {
            "length2" | "nfacct" => "mark",
            name => name,
        };
        let word = self.random.pick(&["mod", "module"]);
        self.put(&format!("{word} {name}"));
        self.words_of(Owner::Module(name), 3);
    }

    /// Some of the words that something brings.
    fn words_of(&mut self, owner: Owner, most: usize) {
        let domain = self.domain;
        let known: Vec<Described> = self
            .vocabulary
            .iter()
            .filter(|word| word.owner == owner && word.domain == domain && word.name != "socket-exists")
            .copied()
            .collect();
        if known.is_empty() {
            return;
        }
        for _ in 0..self.random.below(most + 1) {
            let word = self.random.pick(&known);
            let text = self.option(word);
            self.put(&text);
        }
    }

    /// A word with its operands, which are of the wrong shape now and then.
    fn option(&mut self, word: Described) -> String {
        let Described { name, operands, negation, .. } = word;
        let wrong = self.random.once_in(150);
        let (mut before, mut after) = ("", "");
        if self.random.once_in(4) || wrong {
            match (negation, self.random.once_in(2)) {
                (Place::After, _) | (Place::Either, true) => after = "!",
                (Place::Before, _) | (Place::Either, false) => before = "! ",
                (Place::Nowhere, _) => {
                    if wrong {
                        after = "!";
                    }
                }
            }
        }
        if after == "!" && operands == OperandShape::None {
            (before, after) = ("! ", "");
        }
        let operands = match operands {
            OperandShape::None => String::new(),
            OperandShape::OneOf if after.is_empty() && before.is_empty() => self.value(),
            OperandShape::OneOf | OperandShape::One if !wrong => self.scalar(),
            OperandShape::OneOf | OperandShape::One => self.value(),
            OperandShape::Repeated => self.value(),
            OperandShape::List | OperandShape::Ports => self.filled(),
            OperandShape::TwoLists => format!("{} {}", self.filled(), self.filled()),
            OperandShape::OneAndList => format!("{} {}", self.scalar(), self.filled()),
            OperandShape::Two => format!("{} {}", self.scalar(), self.scalar()),
            OperandShape::Class => self.random.pick(&["1:2", "77", "(1 ff:0)", "007"]).to_owned(),
        };
        format!("{before}{name} {after}{operands}")
    }

    /// A list with at least one word in it. Of an empty one that comes out of a variable ferm makes an empty word.
    fn filled(&mut self) -> String {
        if self.random.once_in(2) { self.scalar() } else { format!("(a {})", self.value()) }
    }

    fn action(&mut self) {
        let plain =
            self.random.pick(&["ACCEPT", "DROP", "RETURN", "NOP", "jump own", "goto own", "QUEUE", "jump DROP"]);
        if self.random.once_in(2) {
            self.put(plain);
            return;
        }
        let domain = self.domain;
        let targets: Vec<&'static str> = self
            .vocabulary
            .iter()
            .filter(|word| word.domain == domain)
            .filter_map(|word| match word.owner {
                Owner::Target(name) if !matches!(name, "JOOL" | "JOOL_SIIT") => Some(name),
                Owner::Target(_) | Owner::Chain | Owner::Protocol(_) | Owner::Module(_) => None,
            })
            .collect();
        if targets.is_empty() {
            self.put(plain);
            return;
        }
        let target = self.random.pick(&targets);
        if target == "TCPMSS" {
            self.put("proto tcp");
        }
        self.put(target);
        let options: Vec<Described> = self
            .vocabulary
            .iter()
            .filter(|word| word.owner == Owner::Target(target) && word.domain == domain)
            .filter(|word| !matches!(word.name, "zone-orig" | "zone-reply" | "random-fully"))
            .copied()
            .collect();
        for _ in 0..self.random.below(4) {
            let option = self.random.pick(&options);
            // Longer ones are cut, which Debian's ferm does not do yet.
            let text = if option.name == "log-prefix" { "log-prefix \"a b\"".to_owned() } else { self.option(option) };
            self.put(&text);
            if self.random.once_in(8) {
                self.put("daddr 192.0.2.9");
            }
        }
    }
}
