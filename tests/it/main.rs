//! Whole behaviour and the shape of the project, one file per topic, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]
#![expect(clippy::print_stdout, reason = "a writer in a process of its own reports on its standard output")]

mod agent;
mod architecture;
mod command_line;
mod config;
mod controller_kill;
mod daemon_rig;
mod demo;
mod engine;
mod fmp4;
mod identity;
mod intake;
mod link;
mod link_relay;
mod media;
mod media_rig;
mod project;
mod report;
mod store;
mod store_backup;
mod store_kill;
mod store_powercut;
mod store_tables;
mod store_verify;
mod store_workload;
mod stream_rig;
mod stream_rtp;
mod stream_rtsp;
mod stream_ts;
mod tidy;
mod unrecorded;
mod uplink_attack;
mod uplink_enrol;
mod uplink_kill;
mod uplink_loss;
mod uplink_push;
mod uplink_rig;
mod uplink_streams;
mod wall;
mod web;
mod web_rig;
mod web_socket;
mod web_streams;
mod worker;
