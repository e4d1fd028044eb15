//! Finds the known word that is most similar to an unknown one.

/// The minimum similarity of two words, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.8;

/// The known word that is most similar to `word`, if one is similar enough.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(likeness, _)| *likeness >= MIN_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}
