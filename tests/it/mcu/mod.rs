//! MCUs and other devices: each adapter against a stand-in that speaks its documented interface, and against the
//! real thing where Debian has it.

pub(crate) mod stand_in;
mod contract;
mod contract_itself;
pub(crate) mod sip;
mod killed;
mod wired;
mod budget;
mod later;
mod http;
mod cms;
mod cms_stand_in;
mod rmx;
mod smc3;
mod janus_events;
pub(crate) mod janus_live;
mod janus_replies;
pub(crate) mod janus_rig;
mod janus_stand_in;
mod janus_storm;
mod kedacom;
mod zte;
mod te;
mod roomos;
mod pexip;
pub(crate) mod pexip_stand_in;
mod snmp;
mod prometheus;
mod json;
