//! Names in the environment that look like the bridge's and are not.

use super::nearest::nearest;
use super::table::VARIABLES;

/// The prefixes of the bridge's variables.
const PREFIXES: [&str; 2] = ["TOP_", "BRIDGE_"];
/// The names of every variable and of its `…_FILE` form.
fn known() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().flat_map(|variable| [Some(variable.name), variable.file]).flatten()
}

/// Whether a name is a variable's, or its `…_FILE` form's.
pub(super) fn is_known(name: &str) -> bool {
    known().any(|known| known == name)
}

/// What to say of a name that has the bridge's prefix and is no variable.
pub(super) fn unknown(name: &str) -> Option<String> {
    if !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || is_known(name) || is_of_kubernetes(name) {
        return None;
    }
    let hint = nearest(name, known()).map(|near| format!("; is {near} meant?"));
    Some(format!("{name} is no variable of this program and is ignored{}", hint.unwrap_or_default()))
}

/// Whether a name is one of those that Kubernetes sets for a service called `top-…` or `bridge…`:
/// `BRIDGE_SERVICE_HOST`, `BRIDGE_PORT_8080_TCP_ADDR`.
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
    fn a_name_with_a_mistake_is_told_the_nearest() {
        for (name, near) in [
            ("BRIDGE_DEADLNE", Some("BRIDGE_DEADLINE")),
            ("TOP_SECRET", Some("TOP_APP_SECRET")),
            ("TOP_APP_KEY_FILE", Some("TOP_APP_KEY")),
            ("BRIDGE_CALLER", Some("BRIDGE_CALLERS")),
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
    fn other_names_are_none_of_its_business() {
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
