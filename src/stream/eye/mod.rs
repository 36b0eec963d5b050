//! What can be said of pictures by looking at them: pure rules over small pictures and the encoder's effort. Values
//! in, values out; times are media times. Must not know decoders, workers, tokens or clocks.

pub mod luma;
pub mod motion;
pub mod shade;
