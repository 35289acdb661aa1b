//! What is asked of the API server.

use std::fmt::Write as _;

use super::collection::Collection;

/// Objects in one page of a list: of the size that kubectl asks for.
const PAGE: u32 = 500;

/// One request about a collection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Ask {
    /// Everything that there is, as events, and what changes from then on.
    Stream,
    /// Everything that there is, a page at a time: for servers that cannot stream it.
    Page {
        /// What the page before gave to go on with.
        after: Option<String>,
    },
    /// What changes from this version on.
    Watch {
        /// The version of the last thing that is known.
        from: String,
    },
}

impl Ask {
    /// Path and query. `limit_seconds` is when the server is to end a watch: it then is resumed, maybe elsewhere.
    pub(super) fn uri(&self, collection: &Collection, limit_seconds: u64) -> String {
        let mut uri = format!("{}?", collection.path);
        let mut add = |key: &str, value: &str| {
            let separator = if uri.ends_with('?') { "" } else { "&" };
            uri.push_str(separator);
            uri.push_str(key);
            uri.push('=');
            escape(value, &mut uri);
        };
        if let Some(name) = &collection.only {
            add("fieldSelector", &format!("metadata.name={name}"));
        }
        match self {
            // Without a version this is as new as the store: an old cache must not take back what was enforced.
            Self::Stream => {
                add("watch", "true");
                add("sendInitialEvents", "true");
                add("resourceVersionMatch", "NotOlderThan");
            }
            Self::Page { after } => {
                add("limit", &PAGE.to_string());
                if let Some(after) = after {
                    add("continue", after);
                }
            }
            Self::Watch { from } => {
                add("watch", "true");
                add("resourceVersion", from);
            }
        }
        match self {
            Self::Stream | Self::Watch { .. } => {
                add("allowWatchBookmarks", "true");
                add("timeoutSeconds", &limit_seconds.to_string());
            }
            Self::Page { .. } => {}
        }
        uri
    }
}

/// Writes a part of a path or of a query.
pub(super) fn escape(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ignored = write!(to, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use policy_lang::name::NamespacedName;

    use super::super::collection::Kind;
    use super::*;

    #[test]
    fn requests_have_the_shape_that_servers_know() {
        let pods = Collection::of(Kind::Pod);
        let policies = Collection::of(Kind::NetworkPolicy);
        let baseline = Collection::config_map(Kind::Baseline, &NamespacedName::new("kube-system", "base"));
        assert_eq!(
            Ask::Stream.uri(&pods, 9),
            "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan\
             &allowWatchBookmarks=true&timeoutSeconds=9"
        );
        let watch = Ask::Watch { from: "7".to_owned() };
        assert_eq!(
            watch.uri(&baseline, 9),
            "/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3Dbase&watch=true\
             &resourceVersion=7&allowWatchBookmarks=true&timeoutSeconds=9"
        );
        let page = Ask::Page { after: Some("a+/=".to_owned()) };
        assert_eq!(page.uri(&policies, 9), "/apis/networking.k8s.io/v1/networkpolicies?limit=500&continue=a%2B%2F%3D");
    }
}
