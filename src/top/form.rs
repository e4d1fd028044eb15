//! `application/x-www-form-urlencoded`, as the WHATWG URL Standard's serializer writes it.
//!
//! Of all that is done for a push, writing the form took longest but for the signature, so it is done here in one
//! pass, with a table of what each byte becomes.

/// Writes names and values in their order. The result is ASCII.
#[must_use]
pub fn encode(pairs: &[(&str, &str)]) -> Vec<u8> {
    // A byte becomes three at the most. What is too much is freed as soon as the form is sent.
    let most = pairs.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut form = Vec::with_capacity(most);
    for (name, value) in pairs {
        if !form.is_empty() {
            form.push(b'&');
        }
        append(&mut form, name);
        form.push(b'=');
        append(&mut form, value);
    }
    form
}

fn append(form: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match ESCAPES.get(usize::from(byte)) {
            Some(Some(escape)) => form.extend_from_slice(escape),
            _ if byte == b' ' => form.push(b'+'),
            _ => form.push(byte),
        }
    }
}

/// What stands for each byte that does not stand for itself, a space aside.
const ESCAPES: [Option<[u8; 3]>; 256] = escapes();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
#[expect(clippy::cast_possible_truncation, reason = "a number below 256")]
const fn escapes() -> [Option<[u8; 3]>; 256] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut escapes = [None; 256];
    let mut byte = 0;
    while byte < escapes.len() {
        let plain =
            (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'*' | b'-' | b'.' | b'_' | b' ');
        if !plain {
            escapes[byte] = Some([b'%', DIGITS[byte >> 4], DIGITS[byte & 0xF]]);
        }
        byte += 1;
    }
    escapes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_written_as_the_url_standard_says(
            pairs in proptest::collection::vec((".{0,9}", ".{0,40}"), 0..5),
        ) {
            let borrowed: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let expected = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            prop_assert_eq!(encode(&borrowed), expected.into_bytes());
        }
    }
}
