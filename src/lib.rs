//! Hotline: the dispatcher of a 12345 government hotline.

pub mod domain;
