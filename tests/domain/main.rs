//! The rules of the order's life, as tables and properties.

mod clocks;
mod make;
mod properties;
mod table;
