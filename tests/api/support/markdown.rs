//! Parses Markdown as the guides use it: headings, tables, links and blocks of code.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

/// A row of a table, its cells trimmed.
pub(crate) type Row = Vec<String>;

/// A Markdown file of the repository.
pub(crate) struct Page {
    /// Its path from the repository's root.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A block of code: what follows its opening fence, and its lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) lines: Vec<String>,
}

impl Page {
    /// Reads the file at `path`, from the repository's root.
    pub(crate) fn read(path: impl AsRef<Path>) -> Self {
        let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
        let text =
            std::fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()));
        Self { path: path.as_ref().to_owned(), text }
    }

    /// The lines outside blocks of code.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut in_code = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            !in_code && !is_fence
        })
    }

    /// Every block of code, without the indentation that it has within a list.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let (mut in_code, mut indent) = (false, "");
        for line in self.text.lines() {
            match line.trim_start().strip_prefix("```") {
                Some(_) if in_code => in_code = false,
                Some(language) => {
                    in_code = true;
                    indent = &line[..line.len() - line.trim_start().len()];
                    blocks.push(Block { language: language.to_owned(), lines: Vec::new() });
                }
                None if in_code => {
                    let line = line.strip_prefix(indent).unwrap_or(line);
                    blocks.last_mut().unwrap().lines.push(line.to_owned());
                }
                None => {}
            }
        }
        assert!(!in_code, "{}: a block of code does not end", self.path.display());
        blocks
    }

    /// Every heading with its level.
    pub(crate) fn headings(&self) -> Vec<(usize, String)> {
        let heading = |line: &str| {
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            let text = line[level..].strip_prefix(' ').filter(|_| level > 0)?;
            Some((level, text.trim().to_owned()))
        };
        self.prose().filter_map(heading).collect()
    }

    /// The anchors of the page, as GitHub derives them from headings.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let anchor = |(_, text): (usize, String)| {
            let kept = text.to_lowercase().replace(' ', "-");
            let slug: String = kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
            let count = seen.entry(slug.clone()).or_default();
            *count += 1;
            if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
        };
        self.headings().into_iter().map(anchor).collect()
    }

    /// The text from the heading with this anchor to the next heading of its level or above.
    pub(crate) fn section(&self, anchor: &str) -> Self {
        let number = self.anchors().iter().position(|found| found == anchor);
        let number = number.unwrap_or_else(|| panic!("{} has no heading #{anchor}", self.path.display()));
        let mut headings = self.headings().into_iter().skip(number);
        let (level, text) = headings.next().unwrap();
        let begin = self.text.find(&format!("{} {text}\n", "#".repeat(level))).unwrap();
        let rest = &self.text[begin..];
        let end = headings
            .find(|(next, _)| *next <= level)
            .and_then(|(next, text)| rest.find(&format!("\n{} {text}\n", "#".repeat(next))));
        Self { path: self.path.clone(), text: rest[..end.unwrap_or(rest.len())].to_owned() }
    }

    /// Every table, the row of its headings first.
    pub(crate) fn tables(&self) -> Vec<Vec<Row>> {
        let mut tables: Vec<Vec<Row>> = Vec::new();
        let mut in_table = false;
        for line in self.prose() {
            let row = line.trim_start().strip_prefix('|').and_then(|row| row.trim_end().strip_suffix('|'));
            let Some(row) = row else {
                in_table = false;
                continue;
            };
            if !in_table {
                tables.push(Vec::new());
            }
            in_table = true;
            let row: Row = row.split('|').map(|cell| cell.trim().to_owned()).collect();
            let is_rule = row.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| "-:".contains(c)));
            if !is_rule {
                tables.last_mut().unwrap().push(row);
            }
        }
        tables
    }

    /// The rows of the one table that begins with this cell, without its headings.
    pub(crate) fn table(&self, first: &str) -> Vec<Row> {
        let begins = |table: &Vec<Row>| table.get(1).is_some_and(|row| row[0] == first);
        let mut found = self.tables().into_iter().filter(begins);
        match (found.next(), found.next()) {
            (Some(table), None) => table[1..].to_vec(),
            (None, _) => panic!("{} has no table that begins with {first}", self.path.display()),
            (Some(_), Some(_)) => panic!("{} has several that begin with {first}", self.path.display()),
        }
    }

    /// The targets of links and images.
    pub(crate) fn links(&self) -> Vec<String> {
        let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
        let code = Regex::new("`[^`]*`").unwrap();
        let prose: Vec<&str> = self.prose().collect();
        // The text of a link may be code, but a link within code is not a link.
        let prose = prose.join("\n");
        let prose = code.replace_all(&prose, "code");
        link.captures_iter(&prose).map(|found| found[1].to_owned()).collect()
    }

    /// A link of this page as a path from the repository's root, and the anchor; `None` for a link to another site.
    pub(crate) fn resolve(&self, link: &str) -> Option<(PathBuf, Option<String>)> {
        if link.contains("://") || link.starts_with("mailto:") {
            return None;
        }
        let (file, anchor) = match link.split_once('#') {
            Some((file, anchor)) => (file, Some(anchor.to_owned())),
            None => (link, None),
        };
        let path = if file.is_empty() { self.path.clone() } else { self.path.parent().unwrap().join(file) };
        let mut plain = PathBuf::new();
        for component in path.components() {
            match component {
                Component::ParentDir => {
                    assert!(plain.pop(), "{}: {link} leads out of the repository", self.path.display());
                }
                Component::Normal(part) => plain.push(part),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        Some((plain, anchor))
    }
}
