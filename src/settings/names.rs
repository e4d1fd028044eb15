//! Names in the environment that look like variables of the bridge but are unknown.

use super::nearest::nearest;
use super::table::VARIABLES;

/// The prefixes of the bridge's variables.
const PREFIXES: [&str; 2] = ["TOP_", "BRIDGE_"];

/// The names of all variables and of their `…_FILE` forms.
fn known() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().flat_map(|variable| [Some(variable.name), variable.file]).flatten()
}

/// True for the name of a variable or of its `…_FILE` form.
pub(super) fn is_known(name: &str) -> bool {
    known().any(|known| known == name)
}

fn stem(name: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// The warning for an unknown name with the prefix of the bridge.
pub(super) fn unknown(name: &str) -> Option<String> {
    if !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || is_known(name) || is_of_kubernetes(name) {
        return None;
    }
    // The prefixes are alike in all names, and say nothing.
    let near = nearest(stem(name), known().map(stem));
    let hint = known().find(|known| near == Some(stem(known))).map(|near| format!("; is {near} meant?"));
    Some(format!("{name} is not a variable of this program and is ignored{}", hint.unwrap_or_default()))
}

/// True for names that Kubernetes sets for a service called `top-…` or `bridge…`, such as `BRIDGE_SERVICE_HOST` and
/// `BRIDGE_PORT_8080_TCP_ADDR`.
fn is_of_kubernetes(name: &str) -> bool {
    let after_port = name.split("_PORT").nth(1);
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || after_port.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_gets_the_nearest_as_a_hint() {
        for (name, near) in [
            ("BRIDGE_DEADLNE", Some("BRIDGE_DEADLINE")),
            ("TOP_SECRET", Some("TOP_APP_SECRET")),
            ("TOP_APP_KEY_FILE", Some("TOP_APP_KEY")),
            ("BRIDGE_CALLER", Some("BRIDGE_CALLERS")),
            ("TOP_DEADLINE", Some("BRIDGE_DEADLINE")),
            ("BRIDGE_TOKEN", None),
            ("TOP_RETRIES", None),
            ("TOP_FOO", None),
        ] {
            let said = unknown(name).unwrap();
            assert!(said.starts_with(name), "{said}");
            assert_eq!(
                said.split("; is ").nth(1),
                near.map(|near| format!("{near} meant?")).as_deref(),
                "{said}"
            );
        }
    }

    #[test]
    fn names_without_the_prefix_are_ignored() {
        for name in [
            "PATH",
            "TOPSECRET",
            "TOP_APP_KEY",
            "TOP_APP_SECRET_FILE",
            "BRIDGE_SERVICE_HOST",
            "BRIDGE_SERVICE_PORT_HTTP",
            "BRIDGE_PORT",
            "BRIDGE_PORT_8080_TCP_ADDR",
            "TOP_GATEWAY_SERVICE_HOST",
        ] {
            assert_eq!(unknown(name), None, "{name}");
        }
    }
}
