//! vcops: a video-conference operations controller.
//!
//! It rehearses a meeting's venues before the meeting, watches them while it runs, acts on what breaks
//! and remembers all of it. Modules stand in reading order, from the vocabulary to the composition; each may
//! import only what `docs/ARCHITECTURE.md` lists for it, and a test reads that page.

// Vocabulary, pure.
pub mod domain;
pub mod observation;
pub mod wire;

// Judgement, pure.
pub mod engine;
pub mod intake;

// Adapters, one outside system each.
pub mod metrics;
pub mod udp;
pub mod relay;
pub mod worker;
pub mod sip;
pub mod link;
pub mod media;
pub mod stream;
pub mod mcu;
pub mod uplink;
pub mod notify;
pub mod store;
pub mod report;
pub mod web;

// Composition.
pub mod config;
pub mod agent;
pub mod controller;
pub mod demo;
pub mod cli;
