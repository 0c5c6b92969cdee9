//! Changes that are kept on the disk, and delivered from there.

use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{Exit, Failure, Hub, Output, Settings, arguments::Interval, settings::SpoolSettings};
use crate::{
    EncodedBatch, Error, IdempotencyKey,
    spool::{Delivery, Key, Report, Spool, Verdict},
};

/// Between two looks whether somebody else has ended.
const TURN_INTERVAL: Duration = Duration::from_millis(50);
/// Between two tries of who waits.
const WAIT_INTERVAL: Duration = Duration::from_secs(1);
const KEY_REUSED: &str = "urn:metric-nexus:problem:idempotency-key-reused";

/// Keeps changes; delivers what is there if somebody waits for that, or if it is time to.
pub(super) async fn append(settings: &Settings, output: &Output, items: &[String]) -> Result<Exit, Failure> {
    let (spool, spooled) = open(settings)?;
    spool.append(items, spooled.durability)?;
    if settings.wait {
        return flush(settings, output).await;
    }
    output.done(&json!({"spooled": items.len()}))?;
    let is_due = match spooled.interval {
        Interval::Each(interval) => settings.has_hub() && spool.is_due(interval)?,
        Interval::Never => false,
    };
    if is_due {
        in_passing(settings, spooled, &spool, output).await;
    }
    Ok(Exit::Done)
}

/// Delivers, for a short time. The change is kept already, so nothing here is a failure; people are told.
async fn in_passing(settings: &Settings, spooled: &SpoolSettings, spool: &Spool, output: &Output) {
    let delivering = async {
        let hub = Hub::connect_within(settings, spooled.time)?;
        deliver(&hub, spool, spooled.time).await
    };
    match timeout(spooled.time, delivering).await {
        Ok(Ok(Some(report))) => {
            tell(&report, spooled, output);
            if let Some(failure) = report.stopped {
                output.say(&format!("not delivered yet: {}", failure.message));
            }
        }
        // Somebody else delivers.
        Ok(Ok(None)) => {}
        Ok(Err(failure)) => output.say(&format!("not delivered yet: {}", failure.message)),
        Err(_) => output.say("not delivered yet: the hub takes its time"),
    }
}

/// Delivers all that was appended before.
pub(super) async fn flush(settings: &Settings, output: &Output) -> Result<Exit, Failure> {
    let (spool, spooled) = open(settings)?;
    let hub = Hub::connect_within(settings, settings.batch_deadline())?;
    let end = Instant::now() + settings.deadline();
    let mut total = Report::default();
    loop {
        let (failure, pause, may_wait) = match deliver(&hub, &spool, settings.batch_deadline()).await? {
            Some(mut report) => {
                tell(&report, spooled, output);
                let stopped = report.stopped.take();
                total.add(&report);
                let Some(failure) = stopped else { break };
                (failure.at("not delivered yet: "), WAIT_INTERVAL, settings.wait)
            }
            None => (busy(spooled), TURN_INTERVAL, true),
        };
        if failure.exit != Exit::Unreachable || !may_wait || Instant::now() + pause > end {
            output.done(&summary(&total, true))?;
            return Err(failure);
        }
        sleep(pause).await;
    }
    output.done(&summary(&total, false))?;
    let all_counted = total.refused_items + total.uncertain_items + total.damaged == 0;
    Ok(if all_counted { Exit::Done } else { Exit::Refused })
}

fn open(settings: &Settings) -> Result<(Spool, &SpoolSettings), Failure> {
    let Some(spooled) = &settings.spool else {
        return Err(Failure::usage("which spool? --spool DIR, or METRIC_NEXUS_SPOOL"));
    };
    Ok((Spool::open(&spooled.directory, spooled.limits)?, spooled))
}

/// Delivers if nobody else does.
async fn deliver(hub: &Hub, spool: &Spool, deadline: Duration) -> Result<Option<Report<Failure>>, Failure> {
    let Some(turn) = spool.turn()? else {
        return Ok(None);
    };
    let delivery = Delivery {
        target: hub.identity,
        deadline,
    };
    let report = turn.deliver(delivery, now_ms, async |key, body| send(hub, key, body).await);
    Ok(Some(report.await?))
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

async fn send(hub: &Hub, key: &Key, body: Vec<u8>) -> Verdict<Failure> {
    let key: Result<IdempotencyKey, _> = key.as_str().parse();
    match key {
        Ok(key) => match hub.write(&EncodedBatch::from_lines(body), &key).await {
            Ok(_) => Verdict::Counted,
            Err(error) => verdict(&error),
        },
        Err(error) => Verdict::RefusedWhole(error.to_string()),
    }
}

/// What an error says about the batch. Whatever is not about its items leaves it where it is.
fn verdict(error: &Error) -> Verdict<Failure> {
    let is_of_hub = error.problem().is_some() || error.is_too_large();
    let is_about_items = matches!(error.status(), Some(400..=499) | None) && !error.is_unauthorized();
    if error.is_transient() || error.is_outcome_unknown() || !is_of_hub || !is_about_items {
        return Verdict::NotNow {
            why: Failure::of(error),
            nothing_happened: !error.is_outcome_unknown(),
        };
    }
    if error.problem().is_some_and(|problem| problem.kind() == KEY_REUSED) {
        return Verdict::Uncertain;
    }
    let items: Vec<(usize, String)> = error
        .items()
        .map(|item| (item.index(), item.reason().to_owned()))
        .collect();
    if items.is_empty() {
        return Verdict::RefusedWhole(error.to_string());
    }
    Verdict::Refused(items)
}

fn busy(spooled: &SpoolSettings) -> Failure {
    let directory = spooled.directory.display();
    Failure::unreachable(format!(
        "another process delivers the spool {directory}, and has not ended in time"
    ))
}

/// Tells people what a delivery did.
fn tell(report: &Report<Failure>, spooled: &SpoolSettings, output: &Output) {
    let directory = spooled.directory.display();
    for refused in &report.refused {
        output.say(&format!("refused: {}: {}", refused.reason, refused.item));
    }
    for (count, what, part) in [
        (report.refused_items, "changes were refused", "refused"),
        (report.damaged, "records cannot be read", "refused"),
        (
            report.uncertain_items,
            "changes may or may not have been counted",
            "uncertain",
        ),
    ] {
        if count > 0 {
            output.say(&format!("{count} {what}: they are in {directory}/{part}"));
        }
    }
}

fn summary(total: &Report<Failure>, is_left: bool) -> serde_json::Value {
    json!({
        "delivered": total.items,
        "batches": total.batches,
        "refused": total.refused_items,
        "uncertain": total.uncertain_items,
        "damaged": total.damaged,
        "left": is_left,
    })
}
