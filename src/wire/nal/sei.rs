//! Supplemental enhancement information (ITU-T H.264 Annex D, H.265 Annex D): user data of our own and of others.

use crate::domain::stream::VideoCodec;

/// One `user_data_unregistered` message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserData {
    /// Whose it is.
    pub uuid: [u8; 16],
    /// What it says.
    pub data: Vec<u8>,
}

/// All such messages of an access unit (Annex B), in order.
pub fn user_data(codec: VideoCodec, access_unit: &[u8]) -> Vec<UserData> {
    let _ = (codec, access_unit);
    Vec::new()
}

/// A SEI unit with one such message, without start code.
pub fn user_data_unit(codec: VideoCodec, user_data: &UserData) -> Vec<u8> {
    let _ = (codec, user_data);
    Vec::new()
}

/// The access unit (Annex B) with `unit` put before its first slice, where SEI must stand.
pub fn insert_before_pictures(codec: VideoCodec, access_unit: &[u8], unit: &[u8]) -> Vec<u8> {
    let _ = (codec, unit);
    access_unit.to_vec()
}
