//! What `iptables-save` prints and `iptables-restore` reads, as far as it has to be told apart: tables, chains and policies;
//! rules are lines.

use std::fmt;

/// The tables of one family in one of the kernel's two places for them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Saved {
    /// In the order of the text.
    pub tables: Vec<Table>,
}

/// One table.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its chains, in the order of the text.
    pub chains: Vec<Chain>,
}

/// One chain.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Its policy, if it is one of those that are always there.
    pub policy: Option<String>,
    /// Its rules: whole lines, beginning with `-A`.
    pub rules: Vec<String>,
}

impl Saved {
    /// Reads the text. Comments, counters and what is no part of a table are left out.
    pub fn parse(text: &str) -> Self {
        let mut saved = Self::default();
        for line in text.lines().map(str::trim_end) {
            if let Some(name) = line.strip_prefix('*') {
                saved.tables.push(Table { name: name.to_owned(), chains: Vec::new() });
                continue;
            }
            let Some(table) = saved.tables.last_mut() else { continue };
            if let Some(chain) = line.strip_prefix(':') {
                let mut words = chain.split(' ');
                let name = words.next().unwrap_or_default().to_owned();
                let policy = words.next().filter(|policy| *policy != "-").map(str::to_owned);
                table.chains.push(Chain { name, policy, rules: Vec::new() });
            } else if let Some(rest) = line.strip_prefix("-A ") {
                let name = rest.split(' ').next().unwrap_or_default();
                table.chain_mut(name).rules.push(line.to_owned());
            }
        }
        saved
    }

    /// A table.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Whether any table could change what becomes of a packet.
    pub fn says_anything(&self) -> bool {
        self.tables.iter().flat_map(|table| &table.chains).any(|chain| !chain.rules.is_empty() || chain.is_strict())
    }
}

impl Table {
    /// A chain.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    fn chain_mut(&mut self, name: &str) -> &mut Chain {
        let at = self.chains.iter().position(|chain| chain.name == name).unwrap_or_else(|| {
            self.chains.push(Chain { name: name.to_owned(), ..Chain::default() });
            self.chains.len() - 1
        });
        &mut self.chains[at]
    }

    /// Whether a rule goes to a chain. A comment that reads as if it did counts too.
    pub fn refers_to(&self, name: &str) -> bool {
        let goes = |rule: &String| {
            let words: Vec<&str> = rule.split(' ').collect();
            words.windows(2).any(|pair| matches!(pair, ["-j" | "-g", target] if *target == name))
        };
        self.chains.iter().flat_map(|chain| &chain.rules).any(goes)
    }
}

impl Chain {
    /// Whether it stops what no rule is about.
    pub fn is_strict(&self) -> bool {
        self.policy.as_deref().is_some_and(|policy| policy != "ACCEPT")
    }
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables.iter().try_for_each(|table| write!(f, "{table}"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "*{}", self.name)?;
        for chain in &self.chains {
            writeln!(f, ":{} {} [0:0]", chain.name, chain.policy.as_deref().unwrap_or("-"))?;
        }
        for rule in self.chains.iter().flat_map(|chain| &chain.rules) {
            writeln!(f, "{rule}")?;
        }
        writeln!(f, "COMMIT")
    }
}
