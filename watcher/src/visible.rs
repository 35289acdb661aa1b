//! Text of others, shown so that it does nothing: what a terminal or a reader of logs would act upon becomes an escape.
//!
//! Names and texts come from manifests, an API server and other programs. A server has refused what is odd among them; a
//! file, or a server that is not what it seems to be, has not.

use std::borrow::Cow;

/// One line: line ends and tabs are shown too, so that nothing in it looks like another line, and so is what hides in a
/// text or turns its direction around.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.is_control() || is_format(c))
}

/// Several lines, of which programs may read some.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.is_control() && !matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, is_shown: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_shown) {
        return text.into();
    }
    let mut visible = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_shown(c) {
            visible.extend(c.escape_default());
        } else {
            visible.push(c);
        }
    }
    visible.into()
}

fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_is_shown() {
        assert_eq!(line("a\u{1b}]0;b\u{7}\r\nc\td"), r"a\u{1b}]0;b\u{7}\r\nc\td");
        assert_eq!(line("a\u{202e}b"), r"a\u{202e}b");
        assert_eq!(lines("a\u{1b}[2J\r\nb\tc\u{9b}\u{7f}"), "a\\u{1b}[2J\\r\nb\tc\\u{9b}\\u{7f}");
        for plain in ["", "a é 😀 \u{5d0}\u{fc}", "shop/web-1"] {
            assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain));
        }
    }
}
