//! The guides: their length, the same structure in both languages, valid links, and the tests that they name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mediation_bridge::api::problem::explanation::Language;
use mediation_bridge::settings::VARIABLES;
use regex::Regex;
use strum::IntoEnumIterator;

use super::documents::{callers_guide, operators_guide};
use super::support::markdown::{Page, Row};

/// The maximum size of the README in bytes: a newcomer reads it in a few minutes.
const README_MAX: usize = 12_288;
/// The end of the path of a page in Chinese. The path of the English page is otherwise the same.
const CHINESE: &str = ".zh-CN.md";

/// The threat model in each language.
const fn threat_model(language: Language) -> &'static str {
    match language {
        Language::English => "deploy/security.md",
        Language::Chinese => "deploy/security.zh-CN.md",
    }
}

/// Every Markdown file of the repository.
fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.to_owned()];
    let mut pages = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !matches!(name, "target" | "node_modules" | ".git") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(Page::read(path.strip_prefix(root).unwrap()));
            }
        }
    }
    pages
}

#[test]
fn every_link_has_a_target() {
    let pages = pages();
    let mut followed = 0;
    for page in &pages {
        let from = page.path.display();
        for link in page.links() {
            let Some((path, anchor)) = page.resolve(&link) else { continue };
            let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists();
            assert!(there, "{from}: {link} leads to a file that there is not");
            if let Some(anchor) = anchor {
                let target = pages.iter().find(|other| other.path == path);
                let target = target.unwrap_or_else(|| panic!("{from}: {link} is in no Markdown file"));
                assert!(target.anchors().contains(&anchor), "{from}: {link} leads to no heading");
            }
            followed += 1;
        }
    }
    assert!(pages.len() >= 6 && followed > 60, "{} pages, {followed} links", pages.len());
}

#[test]
fn the_readme_is_short_and_starts_with_two_commands() {
    let readme = Page::read("README.md");
    assert!(
        readme.text.len() <= README_MAX,
        "README.md has {} bytes, at most {README_MAX}",
        readme.text.len()
    );
    let blocks = readme.section("quick-start").blocks();
    let commands: Vec<&[String]> =
        blocks.iter().filter(|block| block.language == "sh").map(|block| &block.lines[..]).collect();
    assert_eq!(commands, [["cargo run -- demo", "cargo test"]]);
}

#[test]
fn both_languages_of_a_guide_have_the_same_structure() {
    let pages = pages();
    let chinese = |page: &&Page| page.path.to_str().unwrap().ends_with(CHINESE);
    let pairs = pages.iter().filter(chinese).map(|page| {
        let path = page.path.to_str().unwrap().replace(CHINESE, ".md");
        (Page::read(path), page)
    });
    let mut compared = BTreeSet::new();
    for (english, chinese) in pairs {
        let path = chinese.path.display().to_string();
        let levels = |page: &Page| page.headings().iter().map(|(level, _)| *level).collect::<Vec<_>>();
        assert_eq!(levels(&english), levels(chinese), "{path}");
        let blocks = |page: &Page| page.blocks().into_iter().map(|block| block.language).collect::<Vec<_>>();
        assert_eq!(blocks(&english), blocks(chinese), "{path}");
        let (english, chinese) = (english.tables(), chinese.tables());
        assert_eq!(english.len(), chinese.len(), "{path}: tables");
        for (one, other) in english.iter().zip(&chinese) {
            // The headings are texts in two languages.
            let first = |table: &[Row]| table[1..].iter().map(|row| row[0].clone()).collect::<Vec<_>>();
            assert_eq!(first(one), first(other), "{path}");
            let widths = |table: &[Row]| table.iter().map(Vec::len).collect::<BTreeSet<_>>();
            assert_eq!((widths(one).len(), widths(one)), (1, widths(other)), "{path}: {:?}", one[0]);
        }
        compared.insert(path);
    }
    for guide in [callers_guide, operators_guide, threat_model].map(|guide| guide(Language::Chinese)) {
        assert!(compared.contains(guide), "{guide} is compared: {compared:?}");
    }
}

#[test]
fn every_variable_in_a_guide_exists() {
    let name = Regex::new(r"\b(?:TOP|BRIDGE)_[A-Z_]+\b").unwrap();
    let files = VARIABLES.iter().filter_map(|variable| variable.file);
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).chain(files).collect();
    for page in pages() {
        let named: BTreeSet<&str> = name.find_iter(&page.text).map(|found| found.as_str()).collect();
        let unknown: Vec<&&str> = named.difference(&known).filter(|name| !name.ends_with('_')).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", page.path.display());
    }
}

#[test]
fn every_threat_names_tests_that_exist() {
    let sources = sources(Path::new(env!("CARGO_MANIFEST_DIR")));
    for path in Language::iter().map(threat_model) {
        let threats = Page::read(path).table("C1");
        assert!(threats.len() > 25, "{path}");
        for threat in threats {
            let [id, .., shown_by, remains] = &threat[..] else { panic!("{path}: {threat:?}") };
            assert!(shown_by != "–" || remains != "–", "{path}: {id} is neither shown nor left open");
            for name in shown_by.split(", ").filter(|name| *name != "–") {
                let name = name.trim_matches('`');
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
                let exists = if name.starts_with(".ci/") {
                    script.exists()
                } else {
                    sources.contains(&format!("fn {name}("))
                };
                assert!(exists, "{path}: {name} of {id}");
            }
        }
    }
}

#[test]
fn owasps_lists_lead_to_every_threat() {
    let id = Regex::new(r"\b[CBPLRTKU][1-9]\b").unwrap();
    for path in Language::iter().map(threat_model) {
        let page = Page::read(path);
        let known: BTreeSet<String> = page.table("C1").into_iter().map(|row| row[0].clone()).collect();
        let mut named = BTreeSet::new();
        for (first, rows) in
            [("API1 Broken Object Level Authorization", 10), ("V1 Encoding and Sanitization", 17)]
        {
            let table = page.table(first);
            assert_eq!(table.len(), rows, "{path}: {first}");
            named.extend(
                table.iter().flat_map(|row| id.find_iter(&row[1]).map(|found| found.as_str().to_owned())),
            );
        }
        assert_eq!(named, known, "{path}");
    }
}

/// The text of all source files.
fn sources(root: &Path) -> String {
    let mut folders: Vec<PathBuf> = vec![root.join("src"), root.join("tests")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(rs) if rs == "rs" => text += &std::fs::read_to_string(path).unwrap(),
                _ => {}
            }
        }
    }
    text
}
