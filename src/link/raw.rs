//! What a path test has collected before anything is concluded: values only.

use std::collections::BTreeMap;

/// Everything one run has seen. Times are nanoseconds since 1970 by this machine's wall clock, except T2 and T3, which
/// are the reflector's.
#[derive(Debug, Clone, Default)]
pub struct RawRun {
    /// Per packet number, when it left.
    pub sent: Vec<SentPacket>,
    /// Replies in the order they arrived, second copies included.
    pub replies: Vec<RawReply>,
    /// The reflector's kernel time of a reply, by the reply's number.
    pub follow_ups: BTreeMap<u32, i64>,
    /// What is known from the reflector itself.
    pub far_side: FarSide,
    /// How the sending went.
    pub sending: Sending,
    /// Packets for which our receive queue had no room.
    pub overflow: u64,
    /// How much the wall clock was stepped during the run, nanoseconds.
    pub clock_step_ns: i64,
    /// DSCP of the probes, and asked for in the replies.
    pub dscp: u8,
}

/// When one packet left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentPacket {
    /// Program's stamp, as it stands in the packet.
    pub program_ns: i64,
    /// Kernel's stamp.
    pub kernel_ns: Option<i64>,
}

impl SentPacket {
    /// T1, the best stamp there is.
    pub fn best_ns(&self) -> i64 {
        self.kernel_ns.unwrap_or(self.program_ns)
    }
}

/// One reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RawReply {
    /// Number of the probe it answers.
    pub probe: u32,
    /// The reflector's own number.
    pub seq: u32,
    /// T2.
    pub reached_ns: i64,
    /// T3 as the reflector's program stamped it.
    pub left_ns: i64,
    /// T4.
    pub back_ns: i64,
    /// Whether T4 is the kernel's.
    pub back_by_kernel: bool,
    /// TTL with which the probe reached the reflector; 0 unknown.
    pub ttl_there: u8,
    /// TTL with which the reply came; 0 unknown.
    pub ttl_here: u8,
    /// DSCP with which the probe reached the reflector, if it said.
    pub dscp_there: Option<u8>,
    /// DSCP with which the reply came.
    pub dscp_here: u8,
}

/// What the reflector's own count says of packets whose replies are missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FarSide {
    /// Nothing came back after the test: packets behind the last reply cannot be placed.
    #[default]
    Silent,
    /// The reflector repeats our numbers and keeps no count: no loss can be placed.
    Stateless,
    /// It counts: so many probes had reached it in all, between these bounds (the closing probes themselves may be
    /// lost).
    Counted {
        /// At least.
        low: u32,
        /// At most.
        high: u32,
    },
    /// It remembers each packet.
    Remembered(Remembered),
}

/// A session as the reflector remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// Probes received, copies included.
    pub received: u32,
    /// Copies.
    pub duplicates: u32,
    /// First copies that came after a higher number.
    pub reordered: u32,
    /// Probes not answered because of its rate limit.
    pub limited: u32,
    /// Replies it sent.
    pub replies: u32,
    /// One bit per packet number, the lowest bit of a byte first.
    pub bitmap: Vec<u8>,
}

/// How the sending went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sending {
    /// Slots of the timeline that carried no packet.
    pub skipped: u64,
    /// How late each packet left, microseconds.
    pub late_us: Vec<u32>,
}
