//! TOP's signature, implemented from the specification: nothing is shared with the program.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use sha2::Sha256;

/// The signature that TOP expects for these parameters, whatever `sign` they contain.
pub(crate) fn expected(parameters: &BTreeMap<String, String>, secret: &str) -> String {
    with(parameters.get("sign_method").expect("a sign_method"), parameters, secret)
}

/// The signature of these parameters by `method`, whatever `sign` and `sign_method` they contain.
pub(crate) fn with(method: &str, parameters: &BTreeMap<String, String>, secret: &str) -> String {
    // A BTreeMap of strings is sorted by bytes.
    let mut text = String::new();
    for (name, value) in parameters.iter().filter(|(name, _)| *name != "sign") {
        text.push_str(name);
        text.push_str(value);
    }
    match method {
        "md5" => hex(&Md5::digest(format!("{secret}{text}{secret}"))),
        "hmac" => hex(&hmac(secret, &text, |bytes| Md5::digest(bytes).to_vec())),
        "hmac-sha256" => hex(&hmac(secret, &text, |bytes| Sha256::digest(bytes).to_vec())),
        other => panic!("sign_method is {other}"),
    }
}

/// RFC 2104 for hashes with blocks of 64 bytes and secrets no longer than that.
fn hmac(secret: &str, text: &str, hash: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut key = [0; 64];
    key[..secret.len()].copy_from_slice(secret.as_bytes());
    let inner = hash(&[&key.map(|byte| byte ^ 0x36)[..], text.as_bytes()].concat());
    hash(&[&key.map(|byte| byte ^ 0x5c)[..], &inner].concat())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
}
