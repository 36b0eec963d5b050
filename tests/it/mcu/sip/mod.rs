//! SIP endpoints and an rtpengine, real ones: who answers, who is gone, and who cannot be seen are three things.

mod health;
pub(crate) mod rig;
