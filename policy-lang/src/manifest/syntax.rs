//! What the API server accepts as a name, a label or a port name.

/// Longest DNS subdomain, in characters (RFC 1123).
const SUBDOMAIN_MAX: usize = 253;

/// Longest DNS label, label value and name part of a label key, in characters.
const LABEL_MAX: usize = 63;

/// Longest port name, in characters (RFC 6335).
const PORT_NAME_MAX: usize = 15;

/// Why a text is no DNS subdomain: the form of most objects' names.
pub(crate) fn subdomain_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("must not be empty");
    }
    if text.len() > SUBDOMAIN_MAX {
        return Some("must be no more than 253 characters");
    }
    let part = |part: &str| is_dns_part(part);
    (!text.split('.').all(part)).then_some(
        "must consist of lower case letters, digits, `-` and `.`, with a letter or digit at both ends of each part",
    )
}

/// Why a text is no DNS label: the form of a namespace's name.
pub(crate) fn label_fault(text: &str) -> Option<&'static str> {
    if text.len() > LABEL_MAX {
        return Some("must be no more than 63 characters");
    }
    (!is_dns_part(text))
        .then_some("must consist of lower case letters, digits and `-`, with a letter or digit at both ends")
}

/// Why a text is no label key (sem-38).
pub(crate) fn label_key_fault(key: &str) -> Option<&'static str> {
    let name = match key.split_once('/') {
        Some((prefix, _)) if subdomain_fault(prefix).is_some() => {
            return Some("must have a DNS name before its `/`");
        }
        Some((_, name)) => name,
        None => key,
    };
    if name.is_empty() || name.len() > LABEL_MAX {
        return Some("must have a name part of 1 to 63 characters");
    }
    (!is_qualified(name))
        .then_some("must consist of letters, digits, `-`, `_` and `.`, with a letter or digit at both ends")
}

/// Why a text is no label value (sem-38).
pub(crate) fn label_value_fault(value: &str) -> Option<&'static str> {
    if value.len() > LABEL_MAX {
        return Some("must be no more than 63 characters");
    }
    (!value.is_empty() && !is_qualified(value))
        .then_some("must consist of letters, digits, `-`, `_` and `.`, with a letter or digit at both ends")
}

/// Why a text is no port name (V4).
pub(crate) fn port_name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("must not be empty");
    }
    if name.len() > PORT_NAME_MAX {
        return Some("must be no more than 15 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Some("must consist of lower case letters, digits and `-`");
    }
    if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Some("must contain at least one letter");
    }
    if name.contains("--") {
        return Some("must not contain consecutive hyphens");
    }
    (name.starts_with('-') || name.ends_with('-')).then_some("must not begin or end with a hyphen")
}

fn is_dns_part(part: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    part.bytes().all(|byte| inner(byte) || byte == b'-') && has_ends(part, inner)
}

fn is_qualified(text: &str) -> bool {
    let end = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes().all(|byte| end(byte) || matches!(byte, b'-' | b'_' | b'.')) && has_ends(text, end)
}

fn has_ends(text: &str, accepted: impl Fn(u8) -> bool) -> bool {
    text.bytes().next().is_some_and(&accepted) && text.bytes().next_back().is_some_and(&accepted)
}
