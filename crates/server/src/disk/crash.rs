//! A disk in memory that remembers all that was asked of it, and builds what a crash at any moment would have left.
//!
//! What it assumes of a file system is little, so that it stands for most of them:
//!
//! * A file keeps what was appended up to its last successful sync. Of what came later, a power cut leaves any length, and
//!   within that length any subset of pages; a page that is missing reads as zeros, but for what was synced of it.
//! * Creations, renames and removals are kept once their directory was synced. Of the later ones a power cut leaves any
//!   subset in which those that concern one and the same name happened in order. A rename happens whole or not at all.
//! * A failed sync decides nothing: what was dirty then may be lost for ever, whatever later syncs of that file say, and yet
//!   be read back until the power is cut. (So does Linux: the pages are marked clean.)
//! * When the process is killed, all that it had handed over stays, of an append under way any beginning, and a later power
//!   cut still takes what nobody synced.
//! * An operation that fails may have happened.
//!
//! Left out: files that are overwritten in place or cut short (the hub does neither), bits that rot (other tests flip
//! them), hard links, directories that vanish, failed syncs of directories (a file system whose journal cannot be written
//! stops), and disks that lie about having synced.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    io::{self, Cursor, Read},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, ThreadId},
};

use super::{Disk, DiskFile};
use crate::files::directory_of;

/// See the module. Cheap to clone; all clones are one disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrashDisk {
    shared: Arc<Mutex<Shared>>,
}

/// The number of a file, whatever its name is.
type Inode = usize;

/// What happened to the disk, in order. Positions in this log are where a crash can be.
#[derive(Debug, Clone)]
enum Event {
    Created { path: PathBuf, inode: Inode },
    Renamed { from: PathBuf, to: PathBuf, inode: Inode },
    Removed { path: PathBuf },
    Appended { inode: Inode, bytes: Range<usize> },
    Synced { inode: Inode },
    SyncFailed { inode: Inode },
    DirectorySynced { path: PathBuf },
}

#[derive(Default)]
struct Shared {
    /// Names and lengths that were durable when the log began.
    base: BTreeMap<PathBuf, (Inode, usize)>,
    log: Vec<Event>,
    /// What each file holds, synced or not.
    contents: Vec<Vec<u8>>,
    names: BTreeMap<PathBuf, Inode>,
    faults: Vec<Fault>,
    /// Files whose sync failed, and how often one of them was synced again.
    given_up: BTreeSet<Inode>,
    synced_again: usize,
    hook: Option<Hook>,
}

/// Something to do on this thread before each operation on a file that is not in its place yet.
type Hook = (ThreadId, Box<dyn FnMut(usize) + Send>, usize);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("log", &self.log).finish_non_exhaustive()
    }
}

/// Makes operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Which operations.
    pub(crate) what: Operations,
    /// How many of them succeed before.
    pub(crate) after: u32,
    /// How many fail then.
    pub(crate) times: u32,
    /// How many bytes of a failing append get into the file. Of other operations: whether they happen nevertheless.
    pub(crate) part: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operations {
    All,
    Appends,
    Syncs,
}

/// What a crash of the operating system would do, decided by bytes: where they end, everything is lost.
#[derive(Debug)]
pub(crate) struct Choices<'a> {
    bytes: &'a [u8],
    bits: u8,
    bits_left: u8,
}

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Choices {
            bytes,
            bits: 0,
            bits_left: 0,
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *first
    }

    /// A number up to and with `max`.
    pub(crate) fn up_to(&mut self, max: usize) -> usize {
        if max < 256 {
            return usize::from(self.byte()) % (max + 1);
        }
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % (max + 1)
    }

    fn bit(&mut self) -> bool {
        if self.bits_left == 0 {
            (self.bits, self.bits_left) = (self.byte(), 8);
        }
        let bit = self.bits & 1 == 1;
        self.bits >>= 1;
        self.bits_left -= 1;
        bit
    }
}

/// What is known of the bytes of a file, in stretches that end at these offsets.
#[derive(Debug, Clone, Default)]
struct Firmness(Vec<(usize, Firm)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Firm {
    Dirty,
    Durable,
    /// Was dirty when a sync failed.
    Undecided,
}

impl Firmness {
    fn append(&mut self, to: usize) {
        match self.0.last_mut() {
            Some((end, Firm::Dirty)) => *end = to,
            _ => self.0.push((to, Firm::Dirty)),
        }
    }

    fn sync(&mut self, to: Firm) {
        if let Some((_, firm @ Firm::Dirty)) = self.0.last_mut() {
            *firm = to;
        }
    }

    fn written(&self) -> usize {
        self.0.last().map_or(0, |(end, _)| *end)
    }

    fn durable(&self) -> usize {
        let last = self.0.iter().rfind(|(_, firm)| *firm == Firm::Durable);
        last.map_or(0, |(end, _)| *end)
    }

    fn soft(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.0.iter().map(|(end, _)| *end));
        starts
            .zip(&self.0)
            .filter(|(_, (_, firm))| *firm != Firm::Durable)
            .map(|(start, (end, _))| start..*end)
    }

    /// What a power cut leaves of a file with these contents.
    fn cut(&self, contents: &[u8], page: usize, choices: &mut Choices<'_>) -> Vec<u8> {
        let (durable, written) = (self.durable(), self.written());
        let mut left = contents[..durable + choices.up_to(written - durable)].to_vec();
        for soft in self.soft() {
            let mut at = soft.start;
            while at < soft.end.min(left.len()) {
                let end = (at / page + 1) * page;
                let end = end.min(soft.end).min(left.len());
                if !choices.bit() {
                    left[at..end].fill(0);
                }
                at = end;
            }
        }
        left
    }
}

impl CrashDisk {
    /// A disk on which these files are durable.
    pub(crate) fn with_files(files: BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let disk = CrashDisk::default();
        let mut shared = disk.lock();
        for (inode, (path, bytes)) in files.into_iter().enumerate() {
            shared.base.insert(path.clone(), (inode, bytes.len()));
            shared.names.insert(path, inode);
            shared.contents.push(bytes);
        }
        drop(shared);
        disk
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// How much has happened.
    pub(crate) fn now(&self) -> usize {
        self.lock().log.len()
    }

    /// The files by their names, synced or not.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let shared = self.lock();
        let names = shared.names.iter();
        names
            .map(|(path, inode)| (path.clone(), shared.contents[*inode].clone()))
            .collect()
    }

    pub(crate) fn add_fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    pub(crate) fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// How often a file was synced again after a sync of it had failed.
    pub(crate) fn synced_again(&self) -> usize {
        self.lock().synced_again
    }

    /// Calls `hook` on this thread, with a number that rises from 0, before each operation on a `.new` file.
    pub(crate) fn set_hook(&self, hook: impl FnMut(usize) + Send + 'static) {
        self.lock().hook = Some((thread::current().id(), Box::new(hook), 0));
    }

    pub(crate) fn clear_hook(&self) {
        self.lock().hook = None;
    }

    /// The disk as a kill of the process at `at` leaves it, with `part` bytes of an append that was under way.
    pub(crate) fn killed(&self, at: usize, part: usize) -> CrashDisk {
        let shared = self.lock();
        let mut left = Shared {
            base: shared.base.clone(),
            log: shared.log[..at].to_vec(),
            contents: shared.contents.clone(),
            ..Shared::default()
        };
        if let Some(Event::Appended { inode, bytes }) = shared.log.get(at) {
            let bytes = bytes.start..bytes.start + part % (bytes.len() + 1);
            left.log.push(Event::Appended { inode: *inode, bytes });
        }
        left.names = left
            .base
            .iter()
            .map(|(path, (inode, _))| (path.clone(), *inode))
            .collect();
        let mut written: BTreeMap<Inode, usize> = left.base.values().copied().collect();
        for event in &left.log {
            match event {
                Event::Created { path, inode } => drop(left.names.insert(path.clone(), *inode)),
                Event::Renamed { from, to, inode } => {
                    left.names.remove(from);
                    left.names.insert(to.clone(), *inode);
                }
                Event::Removed { path } => drop(left.names.remove(path)),
                Event::Appended { inode, bytes } => drop(written.insert(*inode, bytes.end)),
                Event::Synced { .. } | Event::SyncFailed { .. } | Event::DirectorySynced { .. } => {}
            }
        }
        for (inode, contents) in left.contents.iter_mut().enumerate() {
            contents.truncate(written.get(&inode).copied().unwrap_or(0));
        }
        CrashDisk {
            shared: Arc::new(Mutex::new(left)),
        }
    }

    /// The disk as a power cut at `at` leaves it.
    pub(crate) fn power_cut(&self, at: usize, page: usize, choices: &mut Choices<'_>) -> CrashDisk {
        let shared = self.lock();
        let mut files = vec![Firmness::default(); shared.contents.len()];
        for (inode, length) in shared.base.values() {
            files[*inode] = Firmness(vec![(*length, Firm::Durable)]);
        }
        // What happened to names, and whether it is durable.
        let mut names: Vec<(&Event, bool)> = Vec::new();
        for event in &shared.log[..at] {
            match event {
                Event::Created { .. } | Event::Renamed { .. } | Event::Removed { .. } => names.push((event, false)),
                Event::Appended { inode, bytes } => files[*inode].append(bytes.end),
                Event::Synced { inode } => files[*inode].sync(Firm::Durable),
                Event::SyncFailed { inode } => files[*inode].sync(Firm::Undecided),
                Event::DirectorySynced { path } => {
                    let inside = |event: &Event| event.names().iter().any(|name| directory_of(name) == path);
                    names
                        .iter_mut()
                        .filter(|(event, _)| inside(event))
                        .for_each(|(_, durable)| *durable = true);
                }
            }
        }
        let mut left: BTreeMap<&Path, Inode> = shared.base.iter().map(|(path, (inode, _))| (&**path, *inode)).collect();
        let mut not_yet: BTreeSet<&Path> = BTreeSet::new();
        for (event, durable) in names {
            let waits = event.names().iter().any(|name| not_yet.contains(name));
            if !durable && (waits || !choices.bit()) {
                not_yet.extend(event.names());
                continue;
            }
            match event {
                Event::Created { path, inode } => drop(left.insert(path, *inode)),
                Event::Renamed { from, to, inode } => {
                    left.remove(&**from);
                    left.insert(to, *inode);
                }
                Event::Removed { path } => drop(left.remove(&**path)),
                _ => {}
            }
        }
        let cut = |(path, inode): (&Path, Inode)| {
            let bytes = files[inode].cut(&shared.contents[inode], page, choices);
            (path.to_owned(), bytes)
        };
        CrashDisk::with_files(left.into_iter().map(cut).collect())
    }

    /// Runs the hook, then says whether the operation is to fail.
    fn before(&self, path: &Path, is: Operations) -> Option<Fault> {
        if path.extension().is_some_and(|extension| extension == "new") {
            self.run_hook();
        }
        let mut shared = self.lock();
        let mut failing = None;
        for fault in &mut shared.faults {
            if fault.what != Operations::All && fault.what != is {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                failing = Some(*fault);
            }
        }
        failing
    }

    /// The hook uses the disk, so it runs without the lock.
    fn run_hook(&self) {
        let mut shared = self.lock();
        let Some((thread, mut hook, count)) = shared.hook.take_if(|(thread, ..)| *thread == thread::current().id())
        else {
            return;
        };
        drop(shared);
        hook(count);
        self.lock().hook = Some((thread, hook, count + 1));
    }

    /// Does something to names; if it is to fail, it may happen nevertheless.
    fn on_names(&self, path: &Path, act: impl FnOnce(&mut Shared) -> io::Result<Event>) -> io::Result<()> {
        let fault = self.before(path, Operations::All);
        if fault.is_none_or(|fault| fault.part % 2 == 1) {
            let mut shared = self.lock();
            let event = act(&mut shared)?;
            shared.log.push(event);
        }
        fault.map_or(Ok(()), |_| Err(failed()))
    }
}

impl Event {
    /// The names that it concerns.
    fn names(&self) -> Vec<&Path> {
        match self {
            Event::Created { path, .. } | Event::Removed { path } => vec![path],
            Event::Renamed { from, to, .. } => vec![from, to],
            Event::Appended { .. }
            | Event::Synced { .. }
            | Event::SyncFailed { .. }
            | Event::DirectorySynced { .. } => Vec::new(),
        }
    }
}

fn failed() -> io::Error {
    io::Error::other("the disk failed")
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk for CrashDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut made = 0;
        self.on_names(path, |shared| {
            if shared.names.contains_key(path) {
                return Err(io::Error::from(io::ErrorKind::AlreadyExists));
            }
            made = shared.contents.len();
            shared.contents.push(Vec::new());
            shared.names.insert(path.to_owned(), made);
            Ok(Event::Created {
                path: path.to_owned(),
                inode: made,
            })
        })?;
        Ok(Box::new(CrashFile {
            disk: self.clone(),
            path: path.to_owned(),
            inode: made,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let shared = self.lock();
        let inode = shared.names.get(path).ok_or_else(not_found)?;
        Ok(Box::new(Cursor::new(shared.contents[*inode].clone())))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.on_names(from, |shared| {
            let inode = shared.names.remove(from).ok_or_else(not_found)?;
            shared.names.insert(to.to_owned(), inode);
            let (from, to) = (from.to_owned(), to.to_owned());
            Ok(Event::Renamed { from, to, inode })
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if !self.lock().names.contains_key(path) {
            return Ok(());
        }
        self.on_names(path, |shared| {
            shared.names.remove(path);
            Ok(Event::Removed { path: path.to_owned() })
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        match self.before(path, Operations::Syncs) {
            Some(_) => Err(failed()),
            None => {
                self.lock().log.push(Event::DirectorySynced { path: path.to_owned() });
                Ok(())
            }
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let shared = self.lock();
        let inside = shared.names.keys().filter(|name| directory_of(name) == path);
        Ok(inside.filter_map(|name| Some(name.file_name()?.to_owned())).collect())
    }

    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn is_there(&self, path: &Path) -> io::Result<bool> {
        Ok(self.lock().names.contains_key(path))
    }

    fn write_back(&self, _path: &Path) {}
}

#[derive(Debug)]
struct CrashFile {
    disk: CrashDisk,
    path: PathBuf,
    inode: Inode,
}

impl DiskFile for CrashFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let fault = self.disk.before(&self.path, Operations::Appends);
        let part = fault.map_or(bytes.len(), |fault| fault.part.min(bytes.len()));
        let mut shared = self.disk.lock();
        let from = shared.contents[self.inode].len();
        shared.contents[self.inode].extend_from_slice(&bytes[..part]);
        shared.log.push(Event::Appended {
            inode: self.inode,
            bytes: from..from + part,
        });
        match fault {
            None => Ok(()),
            Some(_) => Err(io::Error::from(io::ErrorKind::StorageFull)),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let fault = self.disk.before(&self.path, Operations::Syncs);
        let mut shared = self.disk.lock();
        let inode = self.inode;
        if shared.given_up.contains(&inode) {
            shared.synced_again += 1;
        }
        if fault.is_none() {
            shared.log.push(Event::Synced { inode });
            return Ok(());
        }
        shared.given_up.insert(inode);
        shared.log.push(Event::SyncFailed { inode });
        Err(failed())
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.lock().names.get(path) == Some(&self.inode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        PathBuf::from(name)
    }

    fn left(disk: &CrashDisk, choices: &[u8]) -> Vec<(String, String)> {
        let cut = disk.power_cut(disk.now(), 4, &mut Choices::new(choices));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace('\0', "0");
        let files = cut.files().into_iter();
        files
            .map(|(path, bytes)| (path.display().to_string(), text(bytes)))
            .collect()
    }

    #[test]
    fn of_what_was_not_synced_any_length_and_any_page_is_left() {
        let disk = CrashDisk::default();
        let mut file = disk.create(&path("d/a")).unwrap();
        file.append(b"synced").unwrap();
        file.sync().unwrap();
        disk.sync_directory(&path("d")).unwrap();
        file.append(b"unsynced").unwrap();
        let one = |text: &str| vec![("d/a".to_owned(), text.to_owned())];
        assert_eq!(left(&disk, &[]), one("synced"));
        assert_eq!(left(&disk, &[8, 0xff]), one("syncedunsynced"));
        assert_eq!(left(&disk, &[5, 0xff]), one("syncedunsyn"));
        assert_eq!(left(&disk, &[8, 0b010]), one("synced00sync00"));
        assert_eq!(left(&disk, &[8, 0b101]), one("syncedun0000ed"));
        file.sync().unwrap();
        assert_eq!(left(&disk, &[]), one("syncedunsynced"));
    }

    #[test]
    fn after_a_failed_sync_no_other_one_makes_up_for_it() {
        let disk = CrashDisk::default();
        let mut file = disk.create(&path("d/a")).unwrap();
        disk.sync_directory(&path("d")).unwrap();
        file.append(b"1234").unwrap();
        disk.add_fault(Fault {
            what: Operations::Syncs,
            after: 0,
            times: 1,
            part: 0,
        });
        file.sync().unwrap_err();
        file.append(b"5678").unwrap();
        file.sync().unwrap();
        assert_eq!(disk.synced_again(), 1);
        assert_eq!(left(&disk, &[]), [("d/a".to_owned(), "00005678".to_owned())]);
        assert_eq!(disk.files()[&path("d/a")], b"12345678");
    }

    #[test]
    fn names_that_were_not_synced_come_in_any_order_that_makes_sense() {
        let disk = CrashDisk::with_files(BTreeMap::from([(path("d/old"), b"old".to_vec())]));
        drop(disk.create(&path("d/new")).unwrap());
        disk.rename(&path("d/new"), &path("d/old")).unwrap();
        drop(disk.create(&path("d/other")).unwrap());
        let names = |choices: u8| {
            let files = left(&disk, &[choices]);
            let names: Vec<String> = files.into_iter().map(|(name, bytes)| name + ":" + &bytes).collect();
            names.join(" ")
        };
        assert_eq!(names(0b000), "d/old:old");
        // Without the creation there is nothing to rename; the next choice is about the other file.
        assert_eq!(names(0b010), "d/old:old d/other:");
        assert_eq!(names(0b001), "d/new: d/old:old");
        assert_eq!(names(0b011), "d/old:");
        assert_eq!(names(0b111), "d/old: d/other:");
        disk.sync_directory(&path("elsewhere")).unwrap();
        assert_eq!(names(0b000), "d/old:old");
        disk.sync_directory(&path("d")).unwrap();
        assert_eq!(names(0b000), "d/old: d/other:");
    }

    #[test]
    fn a_kill_leaves_what_was_handed_over_and_a_power_cut_may_still_take_it() {
        let disk = CrashDisk::default();
        let mut file = disk.create(&path("d/a")).unwrap();
        file.append(b"1234").unwrap();
        let killed = disk.killed(1, 3);
        assert_eq!(killed.files(), BTreeMap::from([(path("d/a"), b"123".to_vec())]));
        assert_eq!(disk.killed(2, 0).files()[&path("d/a")], b"1234");
        assert_eq!(disk.killed(0, 0).files(), BTreeMap::new());
        assert_eq!(left(&killed, &[]), []);
        assert_eq!(left(&killed, &[0b11, 2]), [("d/a".to_owned(), "12".to_owned())]);
    }
}
