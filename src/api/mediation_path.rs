//! The path of a mediation, `/mediations/{case_id}/…`: the case that a route below it is about.

use percent_encoding::percent_decode_str;

use super::problem::{CASE_ID, FieldError};
use crate::mediation::{CaseId, Rule, Violation};

/// The second segment of the path as it was sent, percent-decoded once. The framework's own path parameters are already
/// decoded, by rules that differ between characters.
pub(crate) fn case_id(path: &str) -> Result<CaseId, Vec<FieldError>> {
    let errors = |violations: Vec<Violation>| {
        violations.iter().map(|violation| FieldError::in_parameter(CASE_ID, violation)).collect()
    };
    let raw = path.split('/').nth(2).unwrap_or_default();
    let mut escapes = raw.split('%').skip(1);
    let valid = escapes.all(|rest| {
        rest.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    });
    match percent_decode_str(raw).decode_utf8() {
        Ok(text) if valid => CaseId::parse(&text).map_err(errors),
        Ok(_) | Err(_) => {
            let detail = "must be valid percent-encoded UTF-8";
            Err(errors(vec![Violation::new(Rule::BadFormat, detail)]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_id_is_decoded_once_and_then_checked() {
        let read = |raw: &str| {
            case_id(&format!("/mediations/{raw}/result"))
                .map(|id| id.to_string())
                .map_err(|found| found.iter().map(|error| error.code).collect::<Vec<_>>())
        };
        assert_eq!(read("12_3-a"), Ok("12_3-a".to_owned()));
        assert_eq!(read("%31%32"), Ok("12".to_owned()));
        assert_eq!(read("a%2Fb"), Err(vec![Rule::BadCharacter]));
        assert_eq!(read("%2531"), Err(vec![Rule::BadCharacter]));
        assert_eq!(read("a%00"), Err(vec![Rule::BadCharacter]));
        assert_eq!(read("a+b"), Err(vec![Rule::BadCharacter]));
        for bad in ["%zz", "%", "%2", "a%2", "%ff", "%c3%28"] {
            assert_eq!(read(bad), Err(vec![Rule::BadFormat]), "{bad}");
        }
    }
}
