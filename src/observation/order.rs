//! What an agent can be told to do: a closed list. Anything else is refused by the type.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::domain::check::{PathPlan, TestId};
use crate::domain::id::{CredentialId, LinkId, StreamId};
use crate::domain::inventory::{PictureKind, SoundKind};
use crate::domain::stream::{StreamSource, VideoCodec};
use crate::domain::time::Utc;

/// A command to an agent. It expires, is never retained, and the agent's own file has the last word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum AgentCommand {
    /// Test a path from the venue's side; the result is evidence.
    TestPath {
        /// What to test.
        order: PathOrder,
    },
    /// Stop a test at once.
    CancelTest {
        /// Which.
        test: TestId,
    },
    /// A load test may go on until then; it stops one second after the last lease.
    KeepGoing {
        /// Which.
        test: TestId,
        /// How long.
        until: Utc,
    },
    /// Send a health report now.
    ReportHealth,
    /// Watch these streams and no others, from now on.
    WatchStreams {
        /// All of them.
        orders: Vec<StreamOrder>,
    },
    /// Somebody looks: send pictures and levels of these streams until then.
    ShowStreams {
        /// Which.
        streams: Vec<StreamId>,
        /// Until when; sent again while somebody still looks.
        until: Utc,
    },
    /// Somebody clicked: push this stream's media to the controller, outbound over TLS.
    PushStream {
        /// Which.
        stream: StreamId,
        /// The one-time ticket that opens the controller's door, 32 hex digits.
        ticket: String,
        /// Most it may take of the venue's line, kbit/s.
        kbps_max: u32,
        /// Until when it may go on.
        until: Utc,
    },
}

/// What a monitor must know of a stream in order to watch it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamOrder {
    /// Which stream.
    pub stream: StreamId,
    /// Where it is received.
    pub source: StreamSource,
    /// The credential's name in the watcher's own settings.
    pub credential: Option<CredentialId>,
    /// What its picture is like.
    pub picture: PictureKind,
    /// Whether it has sound.
    pub sound: SoundKind,
    /// The codec it must have.
    pub codec: Option<VideoCodec>,
    /// Pictures per second that are agreed.
    pub fps: Option<u16>,
}

/// A path test, complete: everything the prober needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathOrder {
    /// Names the test.
    pub test: TestId,
    /// The link under test.
    pub link: LinkId,
    /// Source address, if the route must be chosen by it.
    pub local: Option<IpAddr>,
    /// The reflector.
    pub remote: SocketAddr,
    /// How.
    pub plan: PathPlan,
}
