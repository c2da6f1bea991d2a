//! Hotline: the dispatcher of a 12345 government hotline.

pub mod catalogue;
pub mod classify;
pub mod domain;
pub mod locate;
pub mod route;
