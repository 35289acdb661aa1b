//! Values: words, strings, arrays, variables, built-ins and conditions.

use super::Generator;

const WORDS: &[&str] = &[
    "1",
    "22",
    "80:90",
    "0x10",
    "192.0.2.1",
    "192.0.2.0/24",
    "2001:db8::1",
    "fe80::/10",
    "eth0",
    "ppp+",
    "a-b",
    "web.d",
    "host.example",
    "NEW",
    "tcp",
    "0",
    "00",
    "a_b",
    "10/second",
    "Mon",
];

const ADDRESSES: &[&str] = &["192.0.2.1", "198.51.100.0/24", "2001:db8::1", "fe80::/10", "::1", "host.example", "10/8"];

impl Generator {
    /// One word, however it is written.
    pub(super) fn scalar(&mut self) -> String {
        match self.random.below(16) {
            0 => self.string(),
            1 => format!("'{} $x'", self.random.pick(WORDS)),
            2 if !self.scalars.is_empty() => self.one_of_scalars(),
            3 if !self.parameters.is_empty() => self.parameter(),
            4 => format!("({})", self.random.pick(WORDS)),
            5 => self.built_in(),
            6 => format!("(() {})", self.random.pick(WORDS)),
            7 => "`echo shell`".to_owned(),
            8 => self.random.pick(&["$DOMAIN", "$LINE", "$CHAIN", "$FILEBNAME"]).to_owned(),
            _ => self.random.pick(WORDS).to_owned(),
        }
    }

    fn one_of_scalars(&mut self) -> String {
        let at = self.random.below(self.scalars.len());
        format!("${}", self.scalars[at])
    }

    fn parameter(&mut self) -> String {
        let at = self.random.below(self.parameters.len());
        format!("${}", self.parameters[at])
    }

    /// Several words.
    pub(super) fn array(&mut self) -> String {
        match self.random.below(8) {
            0 if !self.arrays.is_empty() => {
                let at = self.random.below(self.arrays.len());
                format!("${}", self.arrays[at])
            }
            1 => "`echo one two '# three'`".to_owned(),
            2 => "()".to_owned(),
            _ => {
                let words: Vec<String> = (0..=self.random.below(3))
                    .map(|_| if self.random.once_in(6) { self.array() } else { self.scalar() })
                    .collect();
                format!("({})", words.join(" "))
            }
        }
    }

    /// One or several.
    pub(super) fn value(&mut self) -> String {
        if self.random.once_in(3) { self.array() } else { self.scalar() }
    }

    pub(super) fn address(&mut self) -> String {
        match self.random.below(6) {
            0 => {
                let words: Vec<&str> = (0..=self.random.below(4)).map(|_| self.random.pick(ADDRESSES)).collect();
                format!("({})", words.join(" "))
            }
            1 if self.domain == "ip" => {
                let words: Vec<&str> = (0..=self.random.below(4)).map(|_| self.random.pick(ADDRESSES)).collect();
                format!("@ipfilter(({}))", words.join(" "))
            }
            2 => self.value(),
            _ => self.random.pick(ADDRESSES).to_owned(),
        }
    }

    /// In double quotes, with variables in it.
    pub(super) fn string(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.random.below(2) {
            match self.random.below(7) {
                0 if !self.scalars.is_empty() => text += &self.one_of_scalars(),
                1 if !self.parameters.is_empty() => text += "'",
                2 => text += self.random.pick(&["$LINE", "$TABLE", "$CHAIN", "$DOMAIN", "$FILEBNAME"]),
                3 => text += self.random.pick(&[";", "#", "{", " ", "*", "é", "\\", "&", "!"]),
                _ => text += self.random.pick(WORDS),
            }
        }
        format!("\"{text}\"")
    }

    fn built_in(&mut self) -> String {
        let word = |generator: &mut Self| generator.random.pick(WORDS).to_owned();
        match self.random.below(8) {
            0 => format!("@cat({}, {})", self.scalar(), self.array()),
            1 => format!("@join('-', {}, {})", word(self), self.array()),
            2 => {
                let from = self.random.pick(&["0", "1", "-1", "2"]);
                let length = self.random.pick(&["0", "1", "3", "-1"]);
                format!("@substr('abcdef', {from}, {length})")
            }
            3 => format!("@length({})", word(self)),
            4 => "@basename('/a/b/c')".to_owned(),
            5 => "@dirname('/a/b/c')".to_owned(),
            6 => format!("@cat({}, '/32')", word(self)),
            _ => self.condition(1),
        }
    }

    pub(super) fn condition(&mut self, depth: usize) -> String {
        match self.random.below(10) {
            0 => "0".to_owned(),
            1 => "1".to_owned(),
            2 => "''".to_owned(),
            3 => "(0)".to_owned(),
            4 if depth < 2 => format!("@not({})", self.condition(depth + 1)),
            5 => "@eq($DOMAIN, ip6)".to_owned(),
            6 => format!("@eq({}, {})", self.random.pick(WORDS), self.random.pick(WORDS)),
            7 => format!("@ne({}, {})", self.random.pick(WORDS), self.random.pick(WORDS)),
            8 => {
                let name = self.random.pick(&["$v1", "$v2", "&f1", "&f2", "$nope", "$CHAIN"]);
                format!("@defined({name})")
            }
            _ => self.random.pick(&["00", "' '", "@eq(a, a)"]).to_owned(),
        }
    }
}
