//! Notices on their way: every channel against a stand-in that behaves like the real one and against the real one
//! where Debian has it; answers; the outbox when the process is killed.

mod answers;
mod contract;
mod gateway;
mod killed;
mod mail;
mod modem;
mod programs;
mod rig;
mod robots;
mod syslog;
