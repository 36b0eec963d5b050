//! Delivers notices 通知: one [`Channel`] per robot, gateway, modem, mail server, broker, log host.
//!
//! It knows how a text travels, what the far side says to it, and what that means for trying again. It does not know
//! why a notice is sent, to whom it should go next, or what is written down about it: the composition's courier does.
//! No secret leaves it by a log, an error or a debug print, and it connects only where its [`Guard`] permits.

pub mod channel;
pub mod fault;
pub mod message;
pub mod text;
pub mod pace;
pub mod route;
pub mod guard;
pub mod line;
pub mod secret;
pub mod robot;
pub mod gateway;
pub mod webhook;
pub mod mail;
pub mod mqtt;
pub mod syslog;
pub mod alertmanager;
pub mod modem;
pub mod answer;

pub use channel::{Beat, Channel, Limits};
pub use fault::{Class, Code, Fault};
pub use guard::Guard;
pub use message::{Addressee, Message};
