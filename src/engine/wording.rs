//! Texts of verdicts and reasons in both languages.

use super::state::Cell;
use crate::domain::inventory::Inventory;

/// An open cell in words.
pub fn open_cell(cell: &Cell, _inventory: &Inventory) -> String {
    cell.key.to_string()
}
