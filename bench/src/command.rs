//! The commands of the one program, so that it is linked once.

pub mod bare;
pub mod load;
pub mod run;
