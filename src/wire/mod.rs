//! Total parsers and writers of foreign bytes. Nothing here knows sockets, clocks or what a value will be used for;
//! every input of any length gives a value or a named refusal, never a panic.

pub mod stamp;
