//! SIP endpoints and an rtpengine, real ones: who answers, who is gone, and who cannot be seen are three things.

mod call;
mod health;
mod probe;
mod relay;
pub(crate) mod rig;
pub(crate) mod seat;
