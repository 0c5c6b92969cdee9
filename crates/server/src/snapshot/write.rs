//! Writes a snapshot.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use nexus_metric::{Family, Labels};
use nexus_segments::{Checksum, Disk, DiskFile, files::directory_of};

use super::{
    CHECKSUM, FIRST_LINE, FIRST_LINE_END, FORMAT,
    json::{put_hex, put_number, put_text, put_value},
};
use crate::{
    clients::ClientSeen,
    journal::Joint,
    state::{Attributes, Catalog, FamilyData, Series, Used, Value},
};

/// How much is gathered before it is handed to the file. Little in tests, so that small states have many blocks too, and
/// writes happen between them.
const BLOCK_BYTES: usize = if cfg!(test) { 1 << 7 } else { 1 << 18 };

/// A snapshot that is written beside the old one, and not in its place yet.
#[derive(Debug)]
pub(crate) struct Snapshot {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    beside: PathBuf,
    /// How long the file is.
    pub(crate) bytes: u64,
}

/// The position that a snapshot stands for, and where it joins the journal, if there is one that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StandsFor {
    pub(crate) position: u64,
    pub(crate) joint: Option<Joint>,
}

/// Writes the state beside the file at `path`, durably. The state at the position must be in the catalog; what is newer may be
/// in it too, and must be durable in the journal before [`Snapshot::commit`].
pub(crate) fn begin(
    disk: Arc<dyn Disk>,
    path: &Path,
    catalog: &Catalog,
    stands_for: StandsFor,
    written_ms: u64,
    clients: &[ClientSeen],
) -> io::Result<Snapshot> {
    let beside = path.with_added_extension("new");
    disk.remove(&beside)?;
    let mut out = Output {
        file: disk.create(&beside)?,
        block: Vec::new(),
        checksum: Checksum::default(),
        bytes: 0,
    };
    let written = write_all(&mut out, catalog, stands_for, written_ms, clients);
    if let Err(error) = written {
        // The disk may be full: do not let the attempt itself take the room.
        let _ = disk.remove(&beside);
        return Err(error);
    }
    Ok(Snapshot {
        disk,
        path: path.to_owned(),
        beside,
        bytes: out.bytes,
    })
}

impl Snapshot {
    /// Where it stands until then.
    pub(crate) fn beside(&self) -> &Path {
        &self.beside
    }

    /// Gives the snapshot up.
    pub(crate) fn discard(self) {
        // It only takes room, and the next one removes it.
        let _ = self.disk.remove(&self.beside);
    }

    /// Puts the snapshot in the place of the old one, durably.
    pub(crate) fn commit(self) -> io::Result<()> {
        self.disk.rename(&self.beside, &self.path)?;
        self.disk.sync_directory(directory_of(&self.path))
    }
}

fn write_all(
    out: &mut Output,
    catalog: &Catalog,
    stands_for: StandsFor,
    written_ms: u64,
    clients: &[ClientSeen],
) -> io::Result<()> {
    out.line(|line| {
        line.extend_from_slice(FIRST_LINE.as_bytes());
        put_number(line, FORMAT);
        line.extend_from_slice(FIRST_LINE_END.as_bytes());
    })?;
    out.line(|line| {
        line.extend_from_slice(b"hub: {\"format\": ");
        put_number(line, FORMAT);
        line.extend_from_slice(b", \"sequence\": ");
        put_number(line, stands_for.position);
        line.extend_from_slice(b", \"written_ms\": ");
        put_number(line, written_ms);
        if let Some(joint) = stands_for.joint {
            put_joint(line, joint);
        }
        line.push(b'}');
    })?;
    let families = catalog.families();
    out.section("families", families.is_empty())?;
    for family in &families {
        out.line(|line| put_family(line, &family.family, family))?;
    }
    // Whether there are any is known when the first is seen: writers go on meanwhile.
    let mut any = false;
    for family in &families {
        put_series(out, catalog, family, &mut any)?;
    }
    if !any {
        out.section("series", true)?;
    }
    put_keys(out, catalog)?;
    out.section("clients", clients.is_empty())?;
    for client in clients {
        out.line(|line| put_client(line, client))?;
    }
    out.finish()
}

fn put_joint(line: &mut Vec<u8>, Joint { before, next }: Joint) {
    line.extend_from_slice(b", \"journal\": {");
    if let Some(before) = before {
        line.extend_from_slice(format!("\"before\": \"{before}\", ").as_bytes());
    }
    line.extend_from_slice(format!("\"next\": \"{next}\"}}").as_bytes());
}

fn put_family(line: &mut Vec<u8>, family: &Family, data: &FamilyData) {
    line.extend_from_slice(b"- {\"name\": ");
    put_text(line, family.name.as_str());
    line.extend_from_slice(b", \"kind\": ");
    put_text(line, family.kind.as_str());
    line.extend_from_slice(b", \"help\": ");
    put_text(line, &family.help);
    line.extend_from_slice(b", \"unit\": ");
    put_text(line, &family.unit);
    if !family.buckets.bounds().is_empty() {
        line.extend_from_slice(b", \"buckets\": ");
        put_list(line, family.buckets.bounds(), |line, bound| put_value(line, *bound));
    }
    line.extend_from_slice(b", \"defined_ms\": ");
    put_number(line, data.defined.at_ms);
    line.extend_from_slice(b", \"sequence\": ");
    put_number(line, data.defined.sequence);
    line.push(b'}');
}

/// Writes the heading before the first series of all.
fn put_series(out: &mut Output, catalog: &Catalog, family: &FamilyData, any: &mut bool) -> io::Result<()> {
    for block in family.blocks() {
        // The block is held still only while its lines are gathered, not while they are written.
        block.for_each(|series| {
            if let Some(value) = series.value() {
                if !*any {
                    out.block.extend_from_slice(b"series:\n");
                    *any = true;
                }
                put_one_series(&mut out.block, catalog, family, series, &value);
                out.block.push(b'\n');
            }
        });
        out.flush_if_full()?;
    }
    Ok(())
}

fn put_one_series(line: &mut Vec<u8>, catalog: &Catalog, family: &FamilyData, series: &Series<'_>, value: &Value) {
    line.extend_from_slice(b"- {\"name\": ");
    put_text(line, family.family.name.as_str());
    line.extend_from_slice(b", \"labels\": {");
    put_pairs(line, Labels::pairs_of(series.labels));
    line.extend_from_slice(b"}, ");
    match value {
        Value::Number(value, _) => {
            line.extend_from_slice(b"\"value\": ");
            put_value(line, *value);
        }
        Value::Histogram(histogram) => {
            line.extend_from_slice(b"\"counts\": ");
            put_list(line, &histogram.counts, |line, count| put_number(line, *count));
            line.extend_from_slice(b", \"sum\": ");
            put_value(line, histogram.sum);
        }
    }
    line.extend_from_slice(b", \"owner\": ");
    put_text(line, &catalog.owners.name(series.owner));
    line.extend_from_slice(b", \"created_ms\": ");
    put_number(line, series.created_ms);
    line.extend_from_slice(b", \"changed_ms\": ");
    put_number(line, value.stamp().at_ms);
    line.extend_from_slice(b", \"sequence\": ");
    put_number(line, value.stamp().sequence);
    if let Some(attributes) = family.attributes_of(series) {
        put_attributes(line, &attributes);
    }
    line.push(b'}');
}

fn put_attributes(line: &mut Vec<u8>, attributes: &Attributes) {
    if let Some(group) = &attributes.group {
        line.extend_from_slice(b", \"group\": {");
        put_pairs(line, group.pairs());
        line.push(b'}');
    }
    if let Some(ms) = attributes.expires_after_ms {
        line.extend_from_slice(b", \"expires_after_ms\": ");
        put_number(line, ms);
    }
}

fn put_pairs<'a>(line: &mut Vec<u8>, pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) {
    for (place, (name, value)) in pairs.enumerate() {
        if place > 0 {
            line.extend_from_slice(b", ");
        }
        put_text(line, &name);
        line.extend_from_slice(b": ");
        put_text(line, &value);
    }
}

fn put_keys(out: &mut Output, catalog: &Catalog) -> io::Result<()> {
    let mut next = catalog.used_keys.piece(0);
    out.section("idempotency", next.is_none())?;
    while let Some((piece, from)) = next {
        for (used, refused) in &piece {
            out.line(|line| put_key(line, used, *refused))?;
        }
        next = catalog.used_keys.piece(from);
    }
    Ok(())
}

fn put_key(line: &mut Vec<u8>, used: &Used, refused: u32) {
    line.extend_from_slice(b"- {\"id\": \"");
    put_hex(line, &used.idempotency.id);
    line.extend_from_slice(b"\", \"fingerprint\": \"");
    put_hex(line, &used.idempotency.fingerprint);
    line.extend_from_slice(b"\", \"created\": ");
    put_number(line, used.created.into());
    line.extend_from_slice(b", \"deleted\": ");
    put_number(line, used.deleted.into());
    if refused > 0 {
        line.extend_from_slice(b", \"refused\": ");
        put_number(line, refused.into());
    }
    line.extend_from_slice(b", \"at_ms\": ");
    put_number(line, used.at_ms);
    line.extend_from_slice(b", \"sequence\": ");
    put_number(line, used.sequence);
    line.push(b'}');
}

fn put_client(line: &mut Vec<u8>, client: &ClientSeen) {
    line.extend_from_slice(b"- {\"key\": ");
    put_text(line, &client.key);
    line.extend_from_slice(b", \"client\": ");
    put_text(line, &client.client);
    line.extend_from_slice(b", \"seen_ms\": ");
    put_number(line, client.seen_ms);
    line.push(b'}');
}

fn put_list<T>(line: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    line.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            line.extend_from_slice(b", ");
        }
        put(line, item);
    }
    line.push(b']');
}

/// Lines on their way into the file, with the checksum of all that went before.
struct Output {
    file: Box<dyn DiskFile>,
    block: Vec<u8>,
    checksum: Checksum,
    bytes: u64,
}

impl Output {
    fn line(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        put(&mut self.block);
        self.block.push(b'\n');
        self.flush_if_full()
    }

    fn section(&mut self, name: &str, empty: bool) -> io::Result<()> {
        self.line(|line| {
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(if empty { b": []" } else { b":" });
        })
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.block.len() < BLOCK_BYTES {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.checksum.update(&self.block);
        self.bytes += self.block.len() as u64;
        self.file.append(&self.block)?;
        self.block.clear();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        let checksum = self.checksum.value();
        self.block
            .extend_from_slice(format!("{CHECKSUM}{checksum:08x}\n").as_bytes());
        self.flush()?;
        self.file.sync()
    }
}
