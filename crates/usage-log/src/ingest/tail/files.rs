//! The files of a log, over rotations.

use std::{
    collections::VecDeque,
    fs, io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{
    TailCounts, TailSettings,
    file_id::Place,
    followed::{Batch, Followed, Look},
    position::{Position, ReadFile},
    sibling::Sibling,
};

/// By how much the time of a change may lag behind the clock. What is taken up too early is read twice, which is harmless.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

/// The log and the files that it was before.
#[derive(Debug)]
pub(super) struct Files {
    settings: Arc<TailSettings>,
    /// The oldest first.
    followed: VecDeque<Followed>,
    /// Which of them has the log's name.
    current: Option<Place>,
    /// Files changed before this need not be looked at when a rotation shows that there may be some.
    looked_at: SystemTime,
    kept: Position,
    /// Since when there is no file of the log's name.
    missing_since: Option<Instant>,
    /// Why the log cannot be read, so that it is said once.
    trouble: Option<String>,
    /// What is to be counted.
    pub(super) seen: TailCounts,
}

impl Files {
    /// Takes up where the position file says.
    pub(super) fn open(settings: Arc<TailSettings>) -> io::Result<Self> {
        let kept = Position::read(&settings.position_path)?;
        let mut files = Files {
            looked_at: kept.saved_at(),
            followed: VecDeque::new(),
            current: None,
            kept: Position::default(),
            missing_since: None,
            trouble: None,
            seen: TailCounts::default(),
            settings,
        };
        if !kept.files.is_empty() {
            files.resume(&kept)?;
        }
        Ok(files)
    }

    pub(super) fn behind_bytes(&self) -> u64 {
        self.followed.iter().map(Followed::behind_bytes).sum()
    }

    /// Looks for files, and reads lines of the first that has some. Blocks the thread.
    pub(super) fn read(&mut self, now: Instant) -> Option<Batch> {
        match self.try_read(now) {
            Ok(batch) => {
                let missing = self
                    .is_missing(now)
                    .then(|| "it is not there; it is read as soon as it is".to_owned());
                self.note_trouble(missing);
                batch
            }
            Err(error) => {
                self.seen.failures += 1;
                self.note_trouble(Some(error.to_string()));
                None
            }
        }
    }

    /// Whether the log is not there, or cannot be read.
    pub(super) fn is_unreadable(&self) -> bool {
        self.trouble.is_some()
    }

    /// Says what is new.
    fn note_trouble(&mut self, trouble: Option<String>) {
        if trouble == self.trouble {
            return;
        }
        let path = self.settings.path.display();
        match &trouble {
            Some(trouble) => tracing::warn!(%path, trouble, "an access log cannot be read"),
            None => tracing::info!(%path, "an access log is read again"),
        }
        self.trouble = trouble;
    }

    /// A rotated log is gone until its writer opens the next one.
    fn is_missing(&self, now: Instant) -> bool {
        let is_rotated = |since: Instant| self.current.is_some() && now < since + self.settings.rotated_kept;
        self.missing_since.is_some_and(|since| !is_rotated(since))
    }

    pub(super) fn stored(&mut self, batch: &Batch) {
        let followed = self
            .followed
            .iter_mut()
            .find(|followed| followed.id == Some(batch.file));
        if let Some(followed) = followed {
            followed.stored(batch);
        }
    }

    /// Keeps how far everything is read, if that has changed.
    pub(super) fn keep_position(&mut self) -> io::Result<()> {
        let read = self.followed.iter().filter_map(|followed| {
            let offset = followed.offset;
            followed.id.map(|id| ReadFile { id, offset })
        });
        let files: Vec<_> = read.collect();
        if files != self.kept.files {
            let position = Position::new(files);
            position.write(&self.settings.position_path)?;
            self.kept = position;
        }
        Ok(())
    }

    fn try_read(&mut self, now: Instant) -> io::Result<Option<Batch>> {
        self.find(now)?;
        for followed in &mut self.followed {
            if let Look::Truncated = followed.look(now)? {
                self.seen.truncations += 1;
                let path = self.settings.path.display();
                tracing::warn!(%path, "an access log was truncated: lines that were not read yet are lost");
            }
        }
        self.give_up(now);
        for followed in &self.followed {
            if let Some(batch) = followed.read(&self.settings)? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Sees which file has the log's name.
    fn find(&mut self, now: Instant) -> io::Result<()> {
        let metadata = match fs::metadata(&self.settings.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.missing_since.get_or_insert(now);
                return Ok(());
            }
            metadata => metadata?,
        };
        self.missing_since = None;
        if self.current == Some(Place::of(&metadata)) {
            self.looked_at = SystemTime::now();
            return Ok(());
        }
        // Another one may have taken the name by now: the next look tells.
        let Some(found) = Sibling::open(&self.settings.path)? else {
            return Ok(());
        };
        if self.current.is_some() {
            self.seen.rotations += 1;
            self.take_up_missed(found.place, now)?;
        }
        self.current = Some(found.place);
        self.follow(found, 0, now);
        self.looked_at = SystemTime::now();
        Ok(())
    }

    fn follow(&mut self, found: Sibling, offset: u64, now: Instant) {
        if self.followed.iter().all(|followed| followed.place != found.place) {
            let followed = Followed::new(found.file, found.place, found.id, offset, now);
            self.followed.push_back(followed);
        }
    }

    /// Finds the files of an earlier run again, and those that were there in between.
    fn resume(&mut self, kept: &Position) -> io::Result<()> {
        let now = Instant::now();
        let mut siblings = Sibling::all(&self.settings)?;
        for read in &kept.files {
            let found = siblings.iter().position(|sibling| sibling.id == Some(read.id));
            match found {
                Some(index) => {
                    let sibling = siblings.swap_remove(index);
                    self.current = Some(sibling.place);
                    self.follow(sibling, read.offset, now);
                }
                None => {
                    self.seen.lost_files += 1;
                    let path = self.settings.path.display();
                    tracing::warn!(%path, inode = read.id.place.inode, "an access log is gone that was not read to its end");
                }
            }
        }
        let current = fs::metadata(&self.settings.path).map(|metadata| Place::of(&metadata));
        self.take_up(siblings, current.ok(), now);
        Ok(())
    }

    /// Between two looks the log may have been rotated more than once.
    fn take_up_missed(&mut self, current: Place, now: Instant) -> io::Result<()> {
        let siblings = Sibling::all(&self.settings)?;
        self.take_up(siblings, Some(current), now);
        Ok(())
    }

    /// Follows what is not known yet and was written since we looked last, but not copies of what is.
    fn take_up(&mut self, siblings: Vec<Sibling>, current: Option<Place>, now: Instant) {
        let mut missed: Vec<_> = siblings
            .into_iter()
            .filter(|sibling| sibling.changed_at + CLOCK_SLACK >= self.looked_at && Some(sibling.place) != current)
            .filter(|sibling| {
                let head = sibling.id.map(|id| id.head_crc);
                let is_copy = |known: &Followed| known.id.map(|id| id.head_crc) == head;
                head.is_some() && !self.followed.iter().any(is_copy)
            })
            .collect();
        missed.sort_by_key(|sibling| sibling.changed_at);
        for sibling in missed {
            self.follow(sibling, 0, now);
        }
    }

    /// Lets go of rotated files that have been quiet for long enough, and of the oldest if there are too many.
    fn give_up(&mut self, now: Instant) {
        let current = self.current;
        let settings = &*self.settings;
        let seen = &mut self.seen;
        self.followed.retain(|followed| {
            let is_over = Some(followed.place) != current
                && followed.quiet_since + settings.rotated_kept <= now
                && followed.read_is_over(settings);
            // A process that was killed while it wrote leaves a line without an end.
            seen.malformed += u64::from(is_over && followed.behind_bytes() > 0);
            !is_over
        });
        while self.followed.len() > self.settings.rotated_files_max + 1 {
            self.followed.pop_front();
            self.seen.lost_files += 1;
        }
    }
}
