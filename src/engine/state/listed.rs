//! Ordered maps written as lists of their values: JSON keys are texts, ours are not.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

/// A value that knows its own key.
pub trait Keyed {
    /// The key's type.
    type Key: Ord;
    /// Its key.
    fn key(&self) -> Self::Key;
}

impl<V: Keyed> Keyed for Arc<V> {
    type Key = V::Key;
    fn key(&self) -> V::Key {
        self.as_ref().key()
    }
}

/// Writes the values in the order of their keys.
pub fn serialize<V, S>(map: &BTreeMap<V::Key, V>, serializer: S) -> Result<S::Ok, S::Error>
where
    V: Keyed + Serialize,
    S: Serializer,
{
    serializer.collect_seq(map.values())
}

/// Reads values and files each under its key.
pub fn deserialize<'de, V, D>(deserializer: D) -> Result<BTreeMap<V::Key, V>, D::Error>
where
    V: Keyed + DeserializeOwned,
    D: Deserializer<'de>,
{
    let values = Vec::<V>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|value| (value.key(), value)).collect())
}
