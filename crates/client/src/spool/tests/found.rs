//! What generated histories and thought have found, each by its name.

use super::*;
