//! Parts of the program that a build may leave out.

use std::fmt;

/// A Cargo feature of this crate that a setting may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    BigQuery,
    Postgres,
    Redis,
    Zstd,
}

impl Feature {
    const ALL: [Feature; 4] = [Feature::BigQuery, Feature::Postgres, Feature::Redis, Feature::Zstd];

    pub(crate) const fn is_built_in(self) -> bool {
        match self {
            Feature::BigQuery => cfg!(feature = "bigquery"),
            Feature::Postgres => cfg!(feature = "postgres"),
            Feature::Redis => cfg!(feature = "redis"),
            Feature::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// Its name in `Cargo.toml`.
    const fn name(self) -> &'static str {
        match self {
            Feature::BigQuery => "bigquery",
            Feature::Postgres => "postgres",
            Feature::Redis => "redis",
            Feature::Zstd => "zstd",
        }
    }

    /// Those of this build, for `--version`.
    pub(crate) fn built_in() -> String {
        let names: Vec<_> = Feature::ALL
            .into_iter()
            .filter(|feature| feature.is_built_in())
            .map(Feature::name)
            .collect();
        match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        }
    }
}

/// Why something cannot be had of a build without the feature, and what to do.
impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        write!(
            f,
            "this metric-nexus was built without the feature {name}: build it with `--features {name}`, or take a package, which has all features"
        )
    }
}
