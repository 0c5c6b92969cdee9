//! `metric-nexus usage …`

use super::PlaceArgs;
use crate::usage_log::Asked;
use clap::{Args, Subcommand, ValueEnum};

/// Says who asked for what, also beside a running hub.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum UsageCommand {
    /// Report calls and bytes by window and group, from the usage log.
    ///
    /// Works beside a running hub, whose newest second may still be on its way.
    #[command(after_help = "Examples:
  metric-nexus usage report --window 1s --where status=200
  metric-nexus usage report --window 15m --where status=5xx --from -24h
  metric-nexus usage report --window 1mo --group-by key,service --zone Europe/Berlin --format csv > november.csv
  metric-nexus usage report --window 1mo --anchor-day 15 --where key=acme
  metric-nexus usage report --group-by key --order -bytes_out --limit 10

Groups: key, tenant, service, route, client, method, status, status_class, outcome, source, label.NAME. Exit codes: 0 done; 1 failed;
64 a mistake on the command line.")]
    Report(ReportArgs),
}

/// What is to be reported.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub(crate) struct ReportArgs {
    /// How long the windows are: seconds, minutes or hours that divide the next unit, 1d, 1w or 1mo; without, one over the whole time
    #[arg(long, value_name = "1s|15m|1h|1d|1w|1mo")]
    window: Option<String>,
    /// By what to group, with commas between
    #[arg(long, value_name = "COLUMN,…")]
    group_by: Vec<String>,
    /// Only what is so, such as status=200, status=5xx or key!=ci; may be given again
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    filters: Vec<String>,
    /// From when on: 2026-11-01T12:00:00Z, 2026-11-01, seconds since 1970, or how long ago: -24h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Until when, exclusive
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Whose days and months, such as Europe/Berlin; UTC by default
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// On which day months begin, from 1 to 31; on the last one of a month that is shorter
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    anchor_day: Option<String>,
    /// In which order: a column or a measure (calls, bytes_in, bytes_out, …), with - before it from the largest down
    #[arg(long, value_name = "COLUMN,…", allow_hyphen_values = true)]
    order: Vec<String>,
    /// At most so many rows
    #[arg(long, value_name = "ROWS")]
    limit: Option<usize>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Columns under each other.
    #[default]
    Table,
    /// RFC 4180, with a header.
    Csv,
    /// An array of objects.
    Json,
}

impl ReportArgs {
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            window: self.window.clone(),
            group_by: self.group_by.clone(),
            filters: self.filters.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            zone: self.zone.clone(),
            anchor_day: self.anchor_day.clone(),
            order: self.order.clone(),
            limit: self.limit,
        }
    }
}
