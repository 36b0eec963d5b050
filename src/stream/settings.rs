//! What a watcher must be told before it can watch: names and passwords, how many streams, how it tries again.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use crate::domain::id::CredentialId;

/// Settings of all monitors of a process.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// Names and passwords by the name that an order gives.
    pub credentials: BTreeMap<CredentialId, Credential>,
    /// Most streams watched at once; more are blind with [`crate::observation::BlindWhy::NoCapacity`].
    pub streams_max: usize,
    /// How soon a broken connection is tried again, until [`super::WatchSet::pace`] says otherwise.
    pub pace: Pace,
    /// The local address at which IPv4 multicast is received; unspecified lets the system choose.
    pub multicast_at: Ipv4Addr,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            credentials: BTreeMap::new(),
            streams_max: 400,
            pace: Pace::Live,
            multicast_at: Ipv4Addr::UNSPECIFIED,
        }
    }
}

/// A name and a password. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// How soon a broken connection is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Each second: a meeting is live.
    #[default]
    Live,
    /// Five times after 1 s, five times after 5 s, then each 10 s, each a little later by chance.
    Idle,
}
