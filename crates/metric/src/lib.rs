#![doc = include_str!("../README.md")]

mod family;
mod kind;
mod labels;
mod name;
pub mod spelling;
pub mod text;

pub use family::{Buckets, BucketsError, Family};
pub use kind::{Kind, UnknownKind};
pub use labels::{LabelError, Labels};
pub use name::{Name, NameError, is_legacy_label_name, is_legacy_name, plain_spelling};
