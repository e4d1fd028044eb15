//! A JSON object that keeps repeated names. The map of `serde_json` keeps only the last of two members with the same
//! name, but checks of requests and answers must see both.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// The members of an object in their order, including repeated names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members<V>(pub Vec<(String, V)>);

impl<V> Members<V> {
    /// The first value called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        self.0.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// True if two members have the same name.
    #[must_use]
    pub fn has_repeated_names(&self) -> bool {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair.first() == pair.last())
    }
}

impl<V> Default for Members<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

struct MembersVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<V> {
    type Value = Members<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<V>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_repeated_names() {
        let members: Members<u8> = serde_json::from_str(r#"{"b":1,"a":2,"\u0062":3}"#).unwrap();
        assert_eq!(members.0, [("b".to_owned(), 1), ("a".to_owned(), 2), ("b".to_owned(), 3)]);
        assert_eq!((members.get("b"), members.get("c")), (Some(&1), None));
        assert!(members.has_repeated_names());
        assert!(!Members(vec![("a".to_owned(), 1), ("b".to_owned(), 1)]).has_repeated_names());
        assert!(serde_json::from_str::<Members<u8>>("[]").is_err());
    }
}
