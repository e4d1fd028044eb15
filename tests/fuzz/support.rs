//! What the targets share: a message of HTTP as a text that people and the fuzzer can edit.

pub mod naive;

/// A header field: name and value.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// A first line, header fields, an empty line and a body. A line ends with LF.
#[derive(Debug)]
pub struct Message<'a> {
    pub start: &'a str,
    pub fields: Vec<Field<'a>>,
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// `None` if the first line is not UTF-8. Lines without a colon are left out.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let (start, mut body) = line(data);
        let mut fields = Vec::new();
        while !body.is_empty() {
            let (field, rest) = line(body);
            body = rest;
            if field.is_empty() {
                break;
            }
            if let Some(colon) = field.iter().position(|byte| *byte == b':') {
                fields.push((&field[..colon], field[colon + 1..].trim_ascii()));
            }
        }
        Some(Self { start: std::str::from_utf8(start).ok()?, fields, body })
    }

    /// The values of a field.
    pub fn values(&self, name: &str) -> Vec<&'a [u8]> {
        let named = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| *value).filter(|value| is_valid(value)).collect()
    }
}

/// True if HTTP allows this value of a field, RFC 9110 section 5.5.
fn is_valid(value: &[u8]) -> bool {
    value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}
