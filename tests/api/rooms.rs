//! Who may use whom: the arrows between the rooms of `src` point one way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms that it may use.
const ARROWS: [(&str, &[&str]); 10] = [
    ("mediation", &[]),
    ("top", &["mediation"]),
    ("settings", &["top"]),
    ("telemetry", &["settings"]),
    ("metrics", &[]),
    ("delivery", &["mediation", "top"]),
    ("api", &["delivery", "mediation", "metrics", "settings", "telemetry", "top"]),
    ("sandbox", &["mediation", "top"]),
    ("server", &["api", "delivery", "settings", "top"]),
    ("cli", &["api", "sandbox", "server", "settings", "telemetry"]),
];

/// Libraries that only one place may name.
const ALONE: [(&str, &[&str]); 7] = [
    ("prometheus::", &["metrics.rs"]),
    ("reqwest::", &["top/client.rs", "cli"]),
    ("hyper", &["sandbox"]),
    ("envy::", &["settings.rs"]),
    ("md5::", &["top/sign.rs"]),
    ("redis::aio", &["delivery/idempotency/redis.rs"]),
    ("utoipa", &["api/docs"]),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Every file of `src` by its path below it, without what is only for tests.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
        (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), code)
    };
    files(&root).into_iter().map(read).collect()
}

#[test]
fn the_arrows_point_one_way() {
    let sources = sources();
    for (path, code) in &sources {
        let room = path.split(['/', '.']).next().unwrap();
        if matches!(room, "main" | "lib") {
            continue;
        }
        let (_, allowed) =
            ARROWS.iter().find(|(known, _)| *known == room).unwrap_or_else(|| panic!("a new room: {path}"));
        let code_lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let used: BTreeSet<String> = code_lines
            .flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>())
            .map(|behind| behind.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
            .collect();
        for other in used.iter().filter(|other| other.as_str() != room) {
            assert!(allowed.contains(&other.as_str()), "{path} uses {other}");
        }
    }
    assert!(sources.len() > 30);
}

#[test]
fn libraries_stay_in_their_rooms() {
    for (path, code) in sources() {
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (library, places) in ALONE {
            let allowed = places.iter().any(|place| path.starts_with(place));
            assert!(!code.contains(library) || allowed, "{path} names {library}");
        }
    }
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    for (path, code) in sources() {
        assert!(code.starts_with("//! "), "{path}");
    }
}
