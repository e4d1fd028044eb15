//! TOP's signature as a pure function of method, secret and parameters.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// The algorithm of a signature, the common parameter `sign_method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum SignMethod {
    /// MD5 of secret + string + secret.
    Md5,
    /// HMAC-MD5 of the string, keyed by the secret.
    Hmac,
    /// HMAC-SHA256 of the string, keyed by the secret.
    HmacSha256,
}

/// A computed signature: upper-case hex, 32 or 64 characters. It can be replayed, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(String);

impl Signature {
    /// The value of the parameter `sign`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(***)")
    }
}

/// Signs `parameters`, pairs of name and un-encoded value in any order. A parameter named `sign` is left out, because
/// it holds the result. The pairs are sorted by name in byte order and joined as name + value without separators, as
/// the official page "API签名算法" requires.
#[must_use]
pub fn sign(method: SignMethod, secret: &str, parameters: &[(&str, &str)]) -> Signature {
    let sorted = sorted(parameters);
    let text = sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    Signature(match method {
        SignMethod::Md5 => {
            let mut digest = Md5::new();
            digest.update(secret);
            text.for_each(|part| digest.update(part));
            digest.update(secret);
            base16ct::upper::encode_string(&digest.finalize())
        }
        SignMethod::Hmac => keyed::<Hmac<Md5>>(secret, text),
        SignMethod::HmacSha256 => keyed::<Hmac<Sha256>>(secret, text),
    })
}

/// The string that is signed, without the secret. Two sides compare it if their signatures differ.
#[must_use]
pub fn string_to_sign(parameters: &[(&str, &str)]) -> String {
    sorted(parameters).into_iter().flat_map(|(name, value)| [name, value]).collect()
}

fn sorted<'a>(parameters: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut sorted: Vec<_> = parameters.iter().copied().filter(|(name, _)| *name != "sign").collect();
    sorted.sort_by_key(|(name, _)| *name);
    sorted
}

fn keyed<'a, M: Mac + KeyInit>(secret: &str, text: impl Iterator<Item = &'a [u8]>) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length, RFC 2104 section 2")]
    let mut mac = <M as KeyInit>::new_from_slice(secret.as_bytes()).expect("any key length");
    text.for_each(|part| mac.update(part));
    base16ct::upper::encode_string(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::IntoEnumIterator;

    use super::*;

    /// The `req` of the vectors below.
    const REQ: &str = r#"{"completed_time":"2025-11-17 00:00:00","content":"沟通内容","mediation_case_id":"1290293148910","mediator_name":"张三","mediator_phone":"13812345678","result":"success","work_number":"123123"}"#;

    fn documentation(sign_method: &'static str) -> Vec<(&'static str, &'static str)> {
        vec![
            ("method", "taobao.item.seller.get"),
            ("app_key", "12345678"),
            ("session", "test"),
            ("timestamp", "2016-01-01 12:00:00"),
            ("format", "json"),
            ("v", "2.0"),
            ("sign_method", sign_method),
            ("fields", "num_iid,title,nick,price,num"),
            ("num_iid", "11223344"),
        ]
    }

    fn push(sign_method: &'static str) -> Vec<(&'static str, &'static str)> {
        vec![
            ("app_key", "12345678"),
            ("method", "alibaba.jym.servicecenter.mediation.result.push"),
            ("v", crate::top::VERSION),
            ("timestamp", "2025-11-17 00:00:00"),
            ("format", "json"),
            ("sign_method", sign_method),
            ("req", REQ),
        ]
    }

    /// Vectors from TOP's documentation or computed with the official Java client.
    #[test]
    fn published_vectors() {
        let old_user = vec![
            ("method", "taobao.user.get"),
            ("timestamp", "2011-07-01 13: 52:03"),
            ("format", "xml"),
            ("app_key", "test"),
            ("v", "2.0"),
            ("fields", "nick,location.state,location.city"),
            ("nick", "商家测试帐号17"),
            ("sign_method", "md5"),
        ];
        let emoji = vec![("a", "1"), ("b", "2"), ("c", "\u{2714}\u{fe0f}")];
        let mut java = push("hmac-sha256");
        java.extend([("partner_id", "top-sdk-java-dynamicVersionNo"), ("session", "test-session")]);
        let sha = "04DB15AD0774D5CFCE2C837DE43E3FCEA9011ED74F3038FB6AB5F3C4CEA119E8";
        let sha_java = "A992D2B61EC38FDAB72D0E9FA6821B0EF95E7D16847F21C34AC1C620ABC8E8AC";
        let sha_push = "39EA3798D2D34E4E5792CFAFA319D3BFA15C20C42349D976F47BC1EA973911D6";
        let table = [
            (documentation("md5"), "helloworld", SignMethod::Md5, "66987CB115214E59E6EC978214934FB8"),
            (documentation("hmac"), "helloworld", SignMethod::Hmac, "D56D7858309C31B6251083A874D48273"),
            (documentation("hmac-sha256"), "helloworld", SignMethod::HmacSha256, sha),
            (old_user, "test", SignMethod::Md5, "990FD28323F67A1EEC29336EDF373C0E"),
            (emoji, "sandbox01eff1e5ac77cf3d078982e6e", SignMethod::Md5, "3250EADEB3D5F9B453F4F0B95FA4B160"),
            (java, "helloworld", SignMethod::HmacSha256, sha_java),
            (push("md5"), "helloworld", SignMethod::Md5, "9C2B89DA6EE80B099CD1D68BA0E52BC9"),
            (push("hmac"), "helloworld", SignMethod::Hmac, "B48A1B29A31C4066C8D4D6CD25F817FA"),
            (push("hmac-sha256"), "helloworld", SignMethod::HmacSha256, sha_push),
        ];
        for (row, (parameters, secret, method, expected)) in table.into_iter().enumerate() {
            assert_eq!(sign(method, secret, &parameters).as_str(), expected, "row {row}");
        }
    }

    #[test]
    fn the_signature_is_not_signed_and_does_not_print() {
        let mut parameters = push("md5");
        let plain = sign(SignMethod::Md5, "helloworld", &parameters);
        parameters.push(("sign", "anything"));
        assert_eq!(sign(SignMethod::Md5, "helloworld", &parameters), plain);
        assert_eq!(format!("{plain:?}"), "Signature(***)");
    }

    /// The specification implemented literally: build the whole string, hash it at once; HMAC by the formula of RFC
    /// 2104.
    fn naive(method: SignMethod, secret: &str, parameters: &[(String, String)]) -> String {
        let mut sorted: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}\0{value}")).collect();
        sorted.sort();
        let text: String = sorted.iter().map(|pair| pair.replacen('\0', "", 1)).collect();
        let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
        let hex = |bytes: &[u8]| bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        let hmac = |hash: fn(&[u8]) -> Vec<u8>| {
            let mut key = secret.as_bytes().to_vec();
            if key.len() > 64 {
                key = hash(&key);
            }
            key.resize(64, 0);
            let padded = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
            let inner = hash(&[padded(0x36), text.clone().into_bytes()].concat());
            hash(&[padded(0x5c), inner].concat())
        };
        match method {
            SignMethod::Md5 => hex(&Md5::digest(format!("{secret}{text}{secret}"))),
            SignMethod::Hmac => hex(&hmac(|bytes| Md5::digest(bytes).to_vec())),
            SignMethod::HmacSha256 => hex(&hmac(|bytes| Sha256::digest(bytes).to_vec())),
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_literal_implementation(
            parameters in proptest::collection::btree_map("[a-z_]{1,12}", "\\PC{0,40}", 0..12)
                .prop_map(|map| map.into_iter().filter(|(name, _)| name != "sign").collect::<Vec<_>>())
                .prop_shuffle(),
            secret in "\\PC{0,90}",
            method in proptest::sample::select(SignMethod::iter().collect::<Vec<_>>()),
        ) {
            let borrowed: Vec<_> = parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let expected = naive(method, &secret, &parameters);
            let signature = sign(method, &secret, &borrowed);
            prop_assert_eq!(signature.as_str(), expected);
        }
    }
}
