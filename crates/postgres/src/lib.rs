#![doc = include_str!("../README.md")]

mod connection;
mod database;
mod error;
mod schema;
mod url;
mod warnings;

pub use connection::Connection;
pub use database::{Database, Timeouts};
pub use error::{ConnectError, SchemaError, SettingsError, said};
pub use schema::Schema;
pub use warnings::Warnings;
