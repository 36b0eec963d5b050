//! Whole behaviour and the shape of the project, one file per topic, in one binary.

mod architecture;
mod project;
mod tidy;
