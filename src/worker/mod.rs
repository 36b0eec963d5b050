//! Child processes of this same binary that decode, encode and fetch media: the only user of GStreamer.
//!
//! A child has a memory and a processor limit, every request a deadline. One that dies, hangs or swells is replaced
//! within a second; whoever asked hears that the analysis is unavailable, never that a stream is bad. Knows codecs
//! and bytes; must not know venues, meetings or what a picture means.
