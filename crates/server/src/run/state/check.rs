//! `metric-nexus state check`.

use std::io::Write;

use nexus_segments::LockFile;
use serde_json::json;

use super::{Found, failure, put};
use crate::{
    damage::{Damage, Place},
    journal::recovery::SegmentRead,
    run::Failure,
    store::{Examined, SnapshotRead, examine},
};

/// How much damage is listed.
const DAMAGE_MAX: usize = 100;
/// How often a state that changes under the reader is read again.
const TRIES: usize = 5;

/// Reads the state as a start would and further, and says what is in it.
pub(super) fn run(found: &Found, json: bool, output: &mut dyn Write) -> Result<(), Failure> {
    let (hub, examined) = read(found)?;
    if examined.is_nothing() {
        return Err(found.nothing_there());
    }
    if json {
        put(output, &as_json(found, hub.as_deref(), &examined).to_string())?;
    } else {
        for line in as_text(found, hub.as_deref(), &examined) {
            put(output, &line)?;
        }
    }
    match examined.damage.len() as u64 + examined.unlisted {
        0 => Ok(()),
        places => Err(failure(format!(
            "the state is damaged in {places} {}",
            if places == 1 { "place" } else { "places" }
        ))),
    }
}

/// A running hub replaces the snapshot and removes segments at any moment: what looks damaged then is read again.
fn read(found: &Found) -> Result<(Option<String>, Examined), Failure> {
    let mut tries = 1;
    loop {
        let hub = LockFile::holder(&found.config.state.lock_file()).map_err(|error| Failure::of(&error))?;
        let examined = examine(&found.settings, DAMAGE_MAX);
        let sound = examined.as_ref().is_ok_and(|examined| examined.damage.is_empty());
        if sound || hub.is_none() || tries == TRIES {
            return Ok((hub, examined.map_err(|error| Failure::of(&error))?));
        }
        tries += 1;
    }
}

fn as_text(found: &Found, hub: Option<&str>, examined: &Examined) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(pid) = hub {
        lines.push(format!(
            "note: a hub (process {pid}) runs on this state; its newest writes may still be on their way to the disk"
        ));
    }
    lines.push(format!(
        "{}: {}",
        found.settings.snapshot.display(),
        examined.snapshot.as_ref().map_or("not there".to_owned(), snapshot_text)
    ));
    for segment in &examined.recovered.segments {
        lines.push(format!("{}: {}", segment.file.display(), segment_text(segment)));
    }
    for cut in &examined.recovered.cut {
        lines.push(format!(
            "tail: {}, offset {}: {} bytes of an unfinished frame, which nobody was promised; a start leaves them out",
            cut.file.display(),
            cut.offset,
            cut.length
        ));
    }
    lines.extend(
        examined
            .damage
            .iter()
            .map(|damage| format!("damage: {}", damage_text(damage))),
    );
    if examined.unlisted > 0 {
        lines.push(format!("damage: and {} more places", examined.unlisted));
    }
    let view = examined.view();
    lines.push(format!(
        "{}: {} metrics, {} series, {} idempotency keys, up to change {}",
        if examined.damage.is_empty() {
            "sound"
        } else {
            "sound in spite of the damage (`metric-nexus state repair` writes a new state from it)"
        },
        view.families_len(),
        view.series_len(),
        view.keys_len(),
        examined.last
    ));
    lines
}

fn snapshot_text(read: &SnapshotRead) -> String {
    let stands_for = match (read.foreign, read.position) {
        (true, _) => "not written by a hub: a start takes it over".to_owned(),
        (false, Some(position)) => format!("stands for change {position}"),
        (false, None) => "stands for a change that is not known".to_owned(),
    };
    format!(
        "{} metrics, {} series, {} idempotency keys, {} clients; {stands_for}",
        read.families, read.series, read.keys, read.clients
    )
}

fn segment_text(segment: &SegmentRead) -> String {
    let Ok(header) = segment.header else {
        return "no header that can be read".to_owned();
    };
    let mode = format!(
        "segment {}, durability {}, {}, begins after change {}",
        header.number,
        header.durability,
        if segment.promises() { "promised" } else { "not promised" },
        header.after
    );
    match segment.changes {
        _ if !segment.needed => format!("{mode}; not needed beside the snapshot"),
        Some((first, last)) => format!(
            "{mode}; {} frames, {} writes, changes {first} to {last}",
            segment.frames, segment.writes
        ),
        None => format!("{mode}; nothing newer than the snapshot"),
    }
}

/// What is wrong, with what its sentence does not say.
pub(super) fn damage_text(damage: &Damage) -> String {
    match damage.bytes {
        0 => damage.text.clone(),
        bytes => format!("{} ({bytes} bytes cannot be read)", damage.text),
    }
}

fn as_json(found: &Found, hub: Option<&str>, examined: &Examined) -> serde_json::Value {
    let view = examined.view();
    json!({
        "sound": examined.damage.is_empty(),
        "hub_pid": hub.and_then(|pid| pid.parse::<u64>().ok()),
        "snapshot": examined.snapshot.as_ref().map(|read| json!({
            "file": found.settings.snapshot,
            "foreign": read.foreign,
            "position": read.position,
            "metrics": read.families,
            "series": read.series,
            "idempotency_keys": read.keys,
            "clients": read.clients,
        })),
        "segments": examined.recovered.segments.iter().map(segment_json).collect::<Vec<_>>(),
        "tails": examined.recovered.cut.iter().map(|cut| json!({
            "file": cut.file,
            "offset": cut.offset,
            "bytes": cut.length,
        })).collect::<Vec<_>>(),
        "damage": examined.damage.iter().map(damage_json).collect::<Vec<_>>(),
        "damage_unlisted": examined.unlisted,
        "metrics": view.families_len(),
        "series": view.series_len(),
        "idempotency_keys": view.keys_len(),
        "last": examined.last,
    })
}

fn segment_json(segment: &SegmentRead) -> serde_json::Value {
    json!({
        "file": segment.file,
        "number": segment.number,
        "durability": segment.header.ok().map(|header| header.durability.to_string()),
        "promised": segment.promises(),
        "after": segment.header.ok().map(|header| header.after),
        "needed": segment.needed,
        "frames": segment.frames,
        "writes": segment.writes,
        "first": segment.changes.map(|(first, _)| first),
        "last": segment.changes.map(|(_, last)| last),
    })
}

fn damage_json(damage: &Damage) -> serde_json::Value {
    let (line, offset) = match damage.place {
        Place::File => (None, None),
        Place::Line(line) => (Some(line), None),
        Place::Offset(offset) => (None, Some(offset)),
    };
    json!({
        "file": damage.file,
        "line": line,
        "offset": offset,
        "bytes": damage.bytes,
        "first_change_lost": damage.changes.map(|(first, _)| first),
        "last_change_lost": damage.changes.map(|(_, last)| last),
        "text": damage.text,
    })
}
