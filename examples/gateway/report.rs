//! What the usage log has, as a table.

use std::io::{ErrorKind, stdout};

use nexus_usage_log::{Query, Reports};

use crate::args::Report;

pub(crate) fn print(asked: Report) -> anyhow::Result<()> {
    let reports = Reports::open(asked.state.join("usage-log.db"))?;
    let report = reports.report(&Query {
        window: Some(asked.window),
        group_by: asked.group_by,
        filters: asked.filters,
        order: asked.order,
        zone: asked.zone,
        limit: asked.limit,
        ..Query::default()
    })?;
    match report.write(asked.format, &mut stdout().lock()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
