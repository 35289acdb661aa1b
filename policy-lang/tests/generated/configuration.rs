//! Configurations at random: every statement of the language, every word of its vocabulary, and now and then a mistake.
//!
//! What is known to deviate from ferm is not written: negated lists that wait for the domain, options of a module that
//! a rule outside of the subchain has loaded, long log prefixes, and what ferm answers by accident.

mod rules;
mod values;

use std::fmt::Write as _;

use policy_lang::host::reference::{Described, modules, words};

use self::rules::Before;
use crate::random::Random;

/// Files that every configuration may include, by name.
pub(crate) const INCLUDED: &[(&str, &str)] = &[
    ("defs.inc", "@def $INC = (192.0.2.77 2001:db8::77);\n@def &inc($p) = proto tcp dport $p;\n"),
    ("rules.inc", "saddr 192.0.2.99 comment \"$FILEBNAME $LINE\" ACCEPT;\n@if @eq($DOMAIN, ip6) RETURN; @else DROP;\n"),
    ("part.d/20", "outerface part20 ACCEPT;"),
    ("part.d/10.x", "outerface part10 ACCEPT;"),
    ("part.d/.no", "this is not read"),
    ("part.d/no~", "this is not read"),
];

/// What has been written so far, and what may be written now.
pub(crate) struct Generator {
    random: Random,
    text: String,
    depth: usize,
    vocabulary: Vec<Described>,
    modules: Vec<&'static str>,
    /// Variables that hold one word.
    scalars: Vec<String>,
    /// Variables that hold several.
    arrays: Vec<String>,
    /// Functions that are parts of rules, with the number of their arguments.
    fragments: Vec<(String, usize)>,
    /// Functions that are statements.
    blocks: Vec<(String, usize)>,
    /// Parameters of the function that is being written.
    parameters: Vec<String>,
    names: usize,
    domain: &'static str,
}

/// The configuration of a seed.
pub(crate) fn configuration(seed: u64) -> String {
    let mut generator = Generator {
        random: Random::new(seed),
        text: String::new(),
        depth: 0,
        vocabulary: words(),
        modules: modules().collect(),
        scalars: Vec::new(),
        arrays: Vec::new(),
        fragments: Vec::new(),
        blocks: Vec::new(),
        parameters: Vec::new(),
        names: 0,
        domain: "ip",
    };
    for _ in 0..=generator.random.below(6) {
        generator.top();
    }
    if generator.random.once_in(8) { generator.broken() } else { generator.text }
}

impl Generator {
    fn put(&mut self, word: &str) {
        self.text.push_str(word);
        let blank = match self.random.below(24) {
            0 => "\n",
            1 => "\t  ",
            2 => " # a remark, with ; and { in it\n",
            3 => "\r\n",
            _ => " ",
        };
        self.text.push_str(blank);
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// A statement outside of everything.
    fn top(&mut self) {
        match self.random.below(14) {
            0..=1 => self.variable(),
            2 => self.function(),
            3 => self.include("@include 'defs.inc' ;"),
            4 => {
                let moment = self.random.pick(&["pre", "post", "flush"]);
                let command = self.string();
                for word in ["@hook", moment, &command, ";"] {
                    self.put(word);
                }
            }
            5 if !self.blocks.is_empty() => {
                let place =
                    self.random.pick(&["chain INPUT", "domain (ip ip6) chain FORWARD", "table nat chain OUTPUT"]);
                self.put(place);
                self.put("{");
                self.call_block();
                self.put("}");
            }
            6 => {
                self.condition_head();
                self.put("{");
                self.located();
                self.put("}");
                if self.random.once_in(2) {
                    self.put("@else");
                    self.put("{");
                    self.located();
                    self.put("}");
                }
            }
            _ => self.located(),
        }
    }

    fn include(&mut self, text: &str) {
        for word in text.split(' ') {
            self.put(word);
        }
    }

    /// Domain, table and chain, and what is in the chain.
    fn located(&mut self) {
        self.domain = "ip";
        match self.random.below(10) {
            0..=2 => {}
            3 => self.put("domain ip"),
            4 => self.put("domain ip6"),
            5 => self.put("domain (ip ip6)"),
            6 => self.put("domain ( ip6 (ip) )"),
            7 => self.put("domain (ip)"),
            8 => {
                self.domain = "arp";
                self.put("domain arp");
            }
            _ => {
                self.domain = "eb";
                self.put("domain eb");
            }
        }
        let brackets = self.random.once_in(5);
        if brackets {
            self.put("{");
        }
        if self.random.once_in(3) {
            let table =
                self.random.pick(&["table filter", "table nat", "table mangle", "table (filter raw)", "table raw"]);
            self.put(table);
        }
        let chain = match self.random.below(8) {
            0 => "chain (INPUT OUTPUT)",
            1 => "chain own",
            2 => "chain FORWARD",
            3 => "chain \"other\"",
            4 => "chain OUTPUT",
            _ => "chain INPUT",
        };
        self.put(chain);
        match self.random.below(8) {
            0 => {
                let policy = self.random.pick(&["policy ACCEPT ;", "policy DROP ;", "policy RETURN ;", ";"]);
                self.put(policy);
            }
            1 => self.rule(),
            _ => self.chain_block(),
        }
        if brackets {
            self.put("}");
        }
        self.domain = "ip";
    }

    fn chain_block(&mut self) {
        self.depth += 1;
        self.put("{");
        for _ in 0..=self.random.below(4) {
            self.in_chain();
        }
        self.put("}");
        self.depth -= 1;
    }

    /// A statement in a chain.
    fn in_chain(&mut self) {
        match self.random.below(20) {
            0 => self.variable(),
            1 => self.function(),
            2 if self.domain == "ip" => {
                let file = self.random.pick(&[
                    "@include 'rules.inc' ;",
                    "@include \"part.d/\" ;",
                    "@include @glob('rul*.inc') ;",
                ]);
                self.include(file);
            }
            3 => {
                self.condition_head();
                self.body();
                if self.random.once_in(2) {
                    self.put("@else");
                    if self.random.once_in(3) {
                        self.condition_head();
                    }
                    self.body();
                }
            }
            4 if !self.blocks.is_empty() => self.call_block(),
            5 if self.depth < 3 => {
                self.matches(2, Before::Block);
                self.chain_block();
            }
            6 if self.depth < 3 && self.domain == "ip" => {
                self.matches(2, Before::Subchain);
                self.subchain();
            }
            // Further in, ferm forgets after a subchain that the rule around it has matches.
            7 if self.depth == 1 => {
                let policy = self.random.pick(&["policy ACCEPT ;", "policy DROP ;", "policy QUEUE ;"]);
                self.put(policy);
            }
            _ => self.rule(),
        }
    }

    fn body(&mut self) {
        if self.random.once_in(2) && self.depth < 3 { self.chain_block() } else { self.rule() }
    }

    fn subchain(&mut self) {
        let word = self.random.pick(&["@subchain", "@gotosubchain", "subchain"]);
        self.put(word);
        match self.random.below(3) {
            0 => {}
            1 => {
                let name = self.name("sub");
                self.put(&format!("'{name}'"));
            }
            _ => {
                let name = self.name("sub");
                self.put(&format!("@cat({name}, '-', x)"));
            }
        }
        self.chain_block();
    }

    fn condition_head(&mut self) {
        self.put("@if");
        let condition = self.condition(0);
        self.put(&condition);
    }

    fn variable(&mut self) {
        let name = self.name("v");
        let (value, is_array) = if self.random.once_in(2) { (self.array(), true) } else { (self.scalar(), false) };
        self.put(&format!("@def ${name} = {value};"));
        if is_array {
            self.arrays.push(name);
        } else {
            self.scalars.push(name);
        }
    }

    /// A function: part of a rule, or statements.
    fn function(&mut self) {
        if !self.parameters.is_empty() {
            return;
        }
        let name = self.name("f");
        let count = self.random.below(3);
        self.parameters = (0..count).map(|at| format!("p{at}")).collect();
        let list: Vec<String> = self.parameters.iter().map(|parameter| format!("${parameter}")).collect();
        self.put(&format!("@def &{name}({}) =", list.join(", ")));
        let is_block = self.random.once_in(2);
        if is_block {
            let known = (self.scalars.len(), self.arrays.len());
            self.chain_block();
            self.scalars.truncate(known.0);
            self.arrays.truncate(known.1);
            self.blocks.push((name, count));
        } else {
            self.matches(3, Before::Block);
            self.put("saddr 192.0.2.55");
            self.put(";");
            self.fragments.push((name, count));
        }
        self.parameters.clear();
    }

    fn call_block(&mut self) {
        let (name, count) = self.blocks[self.random.below(self.blocks.len())].clone();
        let call = self.call(&name, count);
        // ferm counts a line less from here on if the semicolon stands on another line.
        self.put(&format!("{call};"));
    }

    fn call(&mut self, name: &str, count: usize) -> String {
        let arguments: Vec<String> =
            (0..count).map(|_| if self.random.once_in(4) { self.array() } else { self.scalar() }).collect();
        let mut text = String::new();
        write!(text, "&{name}({})", arguments.join(", ")).unwrap();
        text
    }

    /// The text with one word lost, doubled, or put in.
    fn broken(mut self) -> String {
        let words: Vec<&str> = self.text.split_inclusive(' ').collect();
        let at = self.random.below(words.len());
        let mut text = String::new();
        for (here, word) in words.iter().enumerate() {
            match (here == at, self.random.below(3)) {
                (false, _) => text.push_str(word),
                (true, 0) => {}
                (true, 1) => {
                    text.push_str(word);
                    text.push_str(word);
                }
                (true, _) => {
                    let stray = self.random.pick(&[
                        "! ",
                        "; ",
                        "{ ",
                        "} ",
                        "( ",
                        ") ",
                        ", ",
                        "= ",
                        "$ ",
                        "& ",
                        "@else ",
                        "ACCEPT ",
                        "chain FOO ",
                        "1 ",
                        "'x' ",
                        "* ",
                        "@def ",
                        "proto tcp ",
                        "$nope ",
                        "\"",
                        "'",
                    ]);
                    // What precedes an include at the end of a file is enough here, and not for ferm.
                    text.push_str(if word.contains("@include") { "1 " } else { stray });
                    text.push_str(word);
                }
            }
        }
        text
    }
}
