//! NAL units of H.264 and H.265: how they are joined, what a picture's headers say, and what travels beside pictures.
//!
//! Reads headers alone, never coded samples. Must not know packets, clocks or what a figure is worth.

mod kind;
mod picture;
mod split;
mod sei;
mod h264;
mod h265;

pub use kind::{UnitKind, unit_kind};
pub use picture::{PictureFacts, PictureFormat, PictureReader};
pub use sei::{UserData, insert_before_pictures, user_data, user_data_unit};
pub(in crate::wire) use split::START_CODE;
pub use split::{annex_b, annex_b_to_avcc, avcc, avcc_to_annex_b, push_unit};

#[cfg(test)]
mod tests;
