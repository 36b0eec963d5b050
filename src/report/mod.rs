//! What people read: the rehearsal matrix, the terminal's table, the JSON answer, the record form.
//!
//! Everything here is computed from a [`Snapshot`] and a language, and nothing is decided: verdicts and reasons are
//! the engine's. Knows no database, no socket and no clock.

mod view;
mod stream;
mod words;
mod matrix;
mod cell;
mod device;
pub mod document;
mod figures;
mod incident;
mod table;
mod json;
mod form;
mod plan;
mod practice;
pub mod statistics;
mod story;

pub use cell::{Cell, CellState, Change, Figure, PreviousCell, RoomShown, WaivedShown};
pub use device::{device_roster, device_status, device_streams, sight};
pub use form::record_form;
pub use incident::{incident_list, incident_text};
pub use json::{RehearsalJson, SeededFault, SeededKind, VerdictJson, json};
pub use matrix::{
    Column, ColumnKind, Counts, Matrix, MeetingShown, Progress, Row, Signature, matrix, meeting_shown,
};
pub use plan::{call, plan};
pub use practice::{Devices, People, changed, practice};
pub use story::{Happened, story};
pub use stream::{StreamFinding, StreamView};
pub use table::table;
pub use view::{AgentView, CallMade, Snapshot};
pub use words::role_word;
