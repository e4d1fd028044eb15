//! Dependencies: the modules of `src` depend on each other one way, and no files depend on each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMod, ItemUse, UseTree, Visibility};

/// Each module with the modules that it may use. The first six use nothing of the crate.
const ALLOWED: [(&str, &[&str]); 17] = [
    ("gmt8", &[]),
    ("invisible", &[]),
    ("json", &[]),
    ("redis_url", &[]),
    ("version", &[]),
    ("metrics", &["version"]),
    ("mediation", &["gmt8", "invisible"]),
    ("top", &["gmt8", "invisible", "json", "version"]),
    ("settings", &["redis_url", "top"]),
    ("telemetry", &["settings"]),
    ("delivery", &["gmt8", "mediation", "redis_url", "top"]),
    ("api", &["delivery", "json", "mediation", "metrics", "settings", "telemetry", "top"]),
    ("sandbox", &["gmt8", "mediation", "top"]),
    ("server", &["api", "delivery", "settings", "top"]),
    ("cli", &["api", "delivery", "gmt8", "sandbox", "server", "settings", "telemetry", "top", "version"]),
    ("main", &["cli"]),
    ("fuzzing", &["api", "delivery", "mediation", "sandbox", "top"]),
];

/// Libraries that only these modules may use.
const RESTRICTED: [(&str, &[&str]); 8] = [
    ("actix_web", &["api", "server", "cli", "fuzzing.rs"]),
    ("prometheus", &["metrics"]),
    ("reqwest", &["top", "cli", "fuzzing.rs"]),
    ("hyper", &["sandbox", "fuzzing.rs"]),
    ("envy", &["settings.rs"]),
    ("md5", &["top/sign.rs"]),
    ("redis", &["delivery/idempotency/redis"]),
    ("utoipa", &["api", "mediation", "top/details.rs", "delivery/idempotency/key.rs"]),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Every file of `src` by its path.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), text)
    };
    files(&root).into_iter().map(read).collect()
}

/// A file of `src` as a module, and the names that it uses.
#[derive(Default)]
struct Module {
    /// The path from the crate's root.
    path: Vec<String>,
    /// The modules that it declares.
    children: BTreeSet<String>,
    /// The paths that it uses, from the crate's root or a library's.
    names: BTreeSet<Vec<String>>,
    /// The names of other modules that it re-exports.
    shown: BTreeMap<String, Vec<String>>,
}

impl Module {
    fn read(file: &str, code: &str) -> Self {
        let parsed: File = syn::parse_file(code).unwrap_or_else(|error| panic!("{file}: {error}"));
        let whole = file.trim_end_matches(".rs");
        let path = if whole == "lib" { Vec::new() } else { whole.split('/').map(str::to_owned).collect() };
        let children = parsed.items.iter().filter_map(|item| {
            let Item::Mod(module) = item else { return None };
            module.content.is_none().then(|| module.ident.to_string())
        });
        let mut module = Self { path, children: children.collect(), ..Self::default() };
        module.visit_file(&parsed);
        module
    }

    /// A path in the code, from the crate's root or a library's; `None` for names of the file itself.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" | "mediation_bridge" => (&[][..], &path[1..]),
            "super" => (&self.path[..self.path.len() - ups], &path[ups..]),
            "self" => (&self.path[..], &path[1..]),
            first if self.children.contains(first) => (&self.path[..], path),
            _ => return (path.len() > 1).then(|| [&["::".to_owned()][..], path].concat()),
        };
        Some([base, rest].concat())
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree, shown: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (path, name) = match tree {
            UseTree::Path(path) => return self.add_tree(&with(&path.ident), &path.tree, shown),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|item| self.add_tree(before, item, shown));
            }
            UseTree::Name(name) if name.ident == "self" => (before.to_vec(), before.last().cloned()),
            UseTree::Name(name) => (with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(renamed) => (with(&renamed.ident), Some(renamed.rename.to_string())),
            UseTree::Glob(_) => (before.to_vec(), None),
        };
        if let Some(path) = self.absolute(&path) {
            if let (true, Some(name)) = (shown, name) {
                self.shown.insert(name, path.clone());
            }
            self.names.insert(path);
        }
    }
}

/// Code that is compiled only for tests does not count.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    let test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    };
    attributes.iter().any(test)
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, used: &'ast ItemUse) {
        if !is_for_tests(&used.attrs) {
            self.add_tree(&[], &used.tree, !matches!(used.vis, Visibility::Inherited));
        }
    }

    /// `pub(super)` is not a use.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.names.extend(self.absolute(&parts));
        visit::visit_path(self, path);
    }
}

/// All modules by file.
fn modules() -> BTreeMap<String, Module> {
    sources().into_iter().map(|(file, code)| (file.clone(), Module::read(&file, &code))).collect()
}

/// The file of a path from the crate's root, through re-exports.
fn file_of<'a>(modules: &'a BTreeMap<String, Module>, path: &[String]) -> Option<&'a str> {
    let longest = (0..=path.len()).rev().find_map(|length| {
        let (file, module) = modules.iter().find(|(_, module)| module.path == path[..length])?;
        Some((file, module, length))
    });
    let (file, module, length) = longest?;
    match path.get(length).and_then(|name| module.shown.get(name)) {
        Some(shown) if shown != path => file_of(modules, shown),
        _ => Some(file),
    }
}

/// The files that each file uses.
fn uses(modules: &BTreeMap<String, Module>) -> BTreeMap<&str, BTreeSet<&str>> {
    modules
        .iter()
        .map(|(file, module)| {
            let own = module.names.iter().filter(|path| path.first().is_none_or(|first| first != "::"));
            let used = own.filter_map(|path| file_of(modules, path)).filter(|used| used != file);
            (file.as_str(), used.collect())
        })
        .collect()
}

/// All files that are reachable from `start`.
fn reached<'a>(uses: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = uses[start].iter().copied().collect();
    while let Some(file) = waiting.pop() {
        if reached.insert(file) {
            waiting.extend(&uses[file]);
        }
    }
    reached
}

#[test]
fn no_files_depend_on_each_other_in_a_circle() {
    let modules = modules();
    let uses = uses(&modules);
    let circles: Vec<String> = uses
        .iter()
        .flat_map(|(file, used)| used.iter().map(move |other| (*file, *other)))
        .filter(|(file, other)| reached(&uses, other).contains(file))
        .map(|(file, other)| format!("{file} -> {other}"))
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
    assert!(uses["api.rs"].contains("api/push.rs") && uses["main.rs"].contains("cli.rs"), "{uses:#?}");
}

#[test]
fn modules_depend_one_way() {
    let modules = modules();
    let room = |file: &str| file.split(['/', '.']).next().unwrap().to_owned();
    for (file, used) in uses(&modules) {
        if file == "lib.rs" {
            continue;
        }
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(known, _)| *known == room(file))
            .unwrap_or_else(|| panic!("a new module: {file}"));
        for other in used.into_iter().filter(|other| room(other) != room(file)) {
            assert!(allowed.contains(&room(other).as_str()), "{file} uses {other}");
        }
    }
    assert!(modules.len() > 30);
}

#[test]
fn libraries_are_used_only_in_their_modules() {
    let modules = modules();
    for (library, places) in RESTRICTED {
        let mentions =
            |module: &Module| module.names.iter().any(|path| path.get(1).is_some_and(|name| name == library));
        let users: Vec<&String> =
            modules.iter().filter(|(_, module)| mentions(module)).map(|(file, _)| file).collect();
        for file in &users {
            assert!(places.iter().any(|place| file.starts_with(place)), "{file} names {library}");
        }
        for place in places {
            assert!(users.iter().any(|file| file.starts_with(place)), "{place} does not name {library}");
        }
    }
}

#[test]
fn every_file_starts_with_a_module_comment() {
    for (path, code) in sources() {
        assert!(code.starts_with("//! "), "{path}");
    }
}
