//! What an agent can be told to do: a closed list. Anything else is refused by the type.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::domain::check::{PathPlan, TestId};
use crate::domain::id::LinkId;
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
