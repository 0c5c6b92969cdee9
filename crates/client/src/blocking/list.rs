//! Lists of series and metrics, as iterators.

use std::num::NonZeroU32;

use super::runtime::Runtime;
use crate::{Error, Family, Series};

/// As [`crate::List`], as an iterator, which ends after an error.
///
/// ```no_run
/// # fn example(client: nexus_client::blocking::Client) -> Result<(), nexus_client::Error> {
/// for series in client.list().matching("jobs_total") {
///     let series = series?;
///     println!("{:?}: {:?}", series.label("queue"), series.value());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is asked before the first item is"]
pub struct List {
    runtime: Runtime,
    /// None after an error.
    list: Option<crate::List>,
}

impl List {
    pub(super) fn new(runtime: Runtime, list: crate::List) -> Self {
        let list = Some(list);
        List { runtime, list }
    }

    /// As [`crate::List::matching`].
    pub fn matching(mut self, selector: impl Into<String>) -> Self {
        self.list = self.list.map(|list| list.matching(selector));
        self
    }

    /// As [`crate::List::page_len`].
    pub fn page_len(mut self, series: NonZeroU32) -> Self {
        self.list = self.list.map(|list| list.page_len(series));
        self
    }
}

/// As [`crate::Families`], as an iterator, which ends after an error.
///
/// ```no_run
/// # fn example(client: nexus_client::blocking::Client) -> Result<(), nexus_client::Error> {
/// for family in client.families().prefix("jobs_") {
///     println!("{}", family?.name());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is asked before the first item is"]
pub struct Families {
    runtime: Runtime,
    /// None after an error.
    list: Option<crate::Families>,
}

impl Families {
    pub(super) fn new(runtime: Runtime, list: crate::Families) -> Self {
        let list = Some(list);
        Families { runtime, list }
    }

    /// As [`crate::Families::prefix`].
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.list = self.list.map(|list| list.prefix(prefix));
        self
    }

    /// As [`crate::Families::page_len`].
    pub fn page_len(mut self, families: NonZeroU32) -> Self {
        self.list = self.list.map(|list| list.page_len(families));
        self
    }
}

macro_rules! iterate {
    ($list:ty, $item:ty) => {
        impl Iterator for $list {
            type Item = Result<$item, Error>;

            fn next(&mut self) -> Option<Self::Item> {
                // What came with the last page is taken without asking the other thread.
                if let Some(item) = self.list.as_mut()?.ready() {
                    return Some(Ok(item));
                }
                let mut list = self.list.take()?;
                let asked = self.runtime.run(async move {
                    let item = list.next().await?;
                    Ok((list, item))
                });
                match asked {
                    Ok((list, item)) => {
                        self.list = Some(list);
                        item.map(Ok)
                    }
                    Err(error) => Some(Err(error)),
                }
            }
        }
    };
}

iterate!(List, Series);
iterate!(Families, Family);
