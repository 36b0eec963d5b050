//! The API, the live socket, sessions and roles, the embedded page, and the daemon's local socket.
//!
//! It reads snapshots, sends commands and keeps accounts; it judges nothing and never touches the engine's state.
//! One table ([`routes`]) names each route with the right it demands, and nothing else is reachable.

pub mod access;
pub mod account;
pub mod password;
pub mod ports;
pub mod problem;
pub mod routes;
pub mod listen;
pub mod places;
pub mod local;
pub mod tls;
mod api;
mod app;
mod facts;
mod guard;
mod credential;
mod history;
mod pass;
mod lockout;
mod openapi;
mod page;
mod token;
mod viewers;

pub use api::notices::{NewChannelTest, TestShown};
pub use app::{App, WebSettings};
pub use openapi::document;
pub use ports::{
    ChannelShown, ChannelTest, CommandRequest, DeviceBoard, DeviceDoor, DeviceRequest, Invitation,
    Invitations, LiveDoor, Look, MediaRequest, NoMedia, NoPlan, NoticeDoor, Ports, system_clock,
};
pub use routes::router;
pub use token::{Secret, Token, TokenHash};
