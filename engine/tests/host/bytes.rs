//! `mod u32` and `mod helper`.

use super::lowered::{Lowered, body, input};

#[test]
fn bytes_are_compared_where_they_are() {
    let u32 = |text: &str| input(&format!("mod u32 u32 '{text}' ACCEPT;"));
    for (text, expected) in [
        ("6 & 0xFF = 17", "@nh,48,32 & 0xff == 0x11"),
        ("6&0xFF=0x11", "@nh,48,32 & 0xff == 0x11"),
        ("8 >> 16 & 0xFF = 6", "@nh,64,32 & 0xff0000 == 0x60000"),
        ("0>>22&0x3C=20", "@nh,0,32 & 0xf000000 == 0x5000000"),
        ("0 & 0xFFFF = 0x100:0xFFFF", "@nh,0,32 & 0xffff == 0x100-0xffff"),
        ("12 = 3232235521", "@nh,96,32 0xc0a80001"),
        ("28 << 8 >> 24 = 010", "@nh,224,32 & 0xff0000 == 0x80000"),
        ("255=1", "@nh,2040,32 0x1"),
    ] {
        let lowered = u32(text);
        assert!(lowered.contains(expected), "{text}: {lowered}");
    }
}

#[test]
fn questions_and_numbers_become_rules_that_exclude_each_other() {
    let rules = |text: &str| body(&format!("domain ip chain INPUT mod u32 {text} ACCEPT;"));
    assert_eq!(
        rules("u32 '6&0xFF=6 && 20&0xFFFF=22,80:443,81'"),
        "meta nfproto ipv4 @nh,48,32 & 0xff == 0x6 @nh,160,32 & 0xffff == 0x16 accept\n\
         meta nfproto ipv4 @nh,48,32 & 0xff == 0x6 @nh,160,32 & 0xffff == 0x50-0x1bb accept"
    );
    // A packet that is too short is none of these.
    assert_eq!(
        rules("! u32 '6&0xFF=6,17'"),
        "meta nfproto ipv4 meta length 0-9 accept\n\
         meta nfproto ipv4 @nh,48,32 & 0xff != 0x6 @nh,48,32 & 0xff != 0x11 accept"
    );
    assert_eq!(rules("! u32 '0&0=0 && 4&1=1'").lines().count(), 4);
    assert_eq!(rules("u32 '0&0=0'"), "meta nfproto ipv4 @nh,0,32 0x0-0xffffffff accept");
    assert_eq!(rules("u32 ('0&0=1' )"), "");
}

#[test]
fn what_u32_cannot_say_is_refused() {
    for (text, expected) in [
        ("0>>22&0x3C@0=1", "goes to where a header says"),
        ("256=1", "further into a packet than 255"),
        ("6&0xFF", "ends too early"),
        ("6&0xFF=", "ends too early"),
        ("", "ends too early"),
        ("6&0xFF=1 &&", "ends too early"),
        ("6&0xFF=1 & 2", "`& 2` cannot stand here"),
        ("6&0xFF=5:1", "must not be above"),
        ("6>>32=1", "at most 31"),
        ("6&0x1FFFFFFFF=1", "cannot stand here"),
        ("-1=1", "cannot stand here"),
        ("0=1,3,5,7,9 && 4=1,3,5,7,9 && 8=1,3,5,7,9", "becomes 125 rules"),
        ("0=1,2,3,4,5,6,7,8,9,10,11,12", "at most 11 numbers"),
    ] {
        let found = Lowered::of(&format!("chain INPUT mod u32 u32 '{text}' ACCEPT;")).findings();
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn helpers_are_asked_by_name() {
    let helper = |names: &str| input(&format!("mod helper helper {names} ACCEPT;"));
    assert!(helper("ftp").contains("ct helper \"ftp\" accept"), "{}", helper("ftp"));
    // A helper's name has 15 bytes at most.
    for (words, names) in [
        ("(ftp sip)", &["ftp", "sip"][..]),
        ("ftp-2121", &["ftp", "ftp-2121"]),
        ("ftp-of-long-ago-1", &["ftp", "ftp-of", "ftp-of-long", "ftp-of-long-ago"]),
    ] {
        let lowered = helper(words);
        assert!(lowered.contains("ct helper {"), "{lowered}");
        assert_eq!(lowered.matches(", ").count() + 1, names.len(), "{lowered}");
        assert!(names.iter().all(|name| lowered.contains(&format!("\"{name}\""))), "{lowered}");
    }
    for (name, expected) in [("''", "no helper"), ("'a b'", "no helper"), ("sixteen.letters.", "no helper")] {
        let found = Lowered::of(&format!("chain INPUT mod helper helper {name} ACCEPT;")).findings();
        assert!(found.contains(expected), "{name}: {found}");
    }
}
