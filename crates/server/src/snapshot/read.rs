use std::{
    borrow::Cow,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use nexus_metric::{Buckets, Family, Kind, Labels, Name};
use serde::Deserialize;

use super::{CHECKSUM, ClientSeen, FIRST_LINE, FORMAT, json::hex};
use crate::{
    disk::Disk,
    json::{Number, Pairs},
    store::{Histogram, RestoredSeries, Stamp, State, Used, Value},
    write::Idempotency,
};

/// What a snapshot holds.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    /// The position in the journal that it stands for.
    pub(crate) position: u64,
    pub(crate) clients: Vec<ClientSeen>,
    /// Whether the file was not written by this hub, so that it stands for no position.
    pub(crate) foreign: bool,
}

/// Why a snapshot cannot be used. The file is left as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("cannot read {file}: {source}", file = .0.display(), source = .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("{file}, line {line}: {reason}", file = .file.display())]
    Line { file: PathBuf, line: u64, reason: String },
    #[error("{file}: its checksum is wrong: it is damaged, or was edited by hand", file = .0.display())]
    Checksum(PathBuf),
    #[error("{file} has no checksum line at its end: it was cut short", file = .0.display())]
    Cut(PathBuf),
    #[error("{file}: {error}", file = .0.display(), error = .1)]
    Foreign(PathBuf, super::StateError),
}

/// Reads the snapshot at `path`; `None` if there is none.
pub(crate) fn load(disk: &dyn Disk, path: &Path) -> Result<Option<Loaded>, LoadError> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LoadError::Io(path.to_owned(), error)),
    };
    let mut lines = Lines {
        path,
        input: BufReader::with_capacity(1 << 18, file),
        line: String::new(),
        number: 0,
        checksum: crc32fast::Hasher::new(),
    };
    if lines.next()? != Some(FIRST_LINE) {
        return foreign(disk, path).map(Some);
    }
    let mut loading = Loading::default();
    loop {
        match lines.next()? {
            None => return Err(LoadError::Cut(path.to_owned())),
            Some(line) if line.starts_with(CHECKSUM) => break,
            Some(line) => {
                let result = loading.line(line);
                result.map_err(|reason| LoadError::Line {
                    file: path.to_owned(),
                    line: lines.number,
                    reason,
                })?;
            }
        }
    }
    lines.verify()?;
    Ok(Some(loading.loaded))
}

fn foreign(disk: &dyn Disk, path: &Path) -> Result<Loaded, LoadError> {
    let mut text = String::new();
    let read = disk.open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|error| LoadError::Io(path.to_owned(), error))?;
    let foreign = super::State::from_yaml(&text).map_err(|error| LoadError::Foreign(path.to_owned(), error))?;
    let (state, position) = foreign
        .into_store()
        .map_err(|error| LoadError::Foreign(path.to_owned(), error))?;
    Ok(Loaded {
        state,
        position,
        clients: Vec::new(),
        foreign: true,
    })
}

struct Lines<'a> {
    path: &'a Path,
    input: BufReader<Box<dyn io::Read>>,
    line: String,
    number: u64,
    /// Of all lines before the current one.
    checksum: crc32fast::Hasher,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<&str>, LoadError> {
        self.checksum.update(self.line.as_bytes());
        self.line.clear();
        self.number += 1;
        match self.input.read_line(&mut self.line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(self.line.trim_end_matches('\n'))),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(LoadError::Line {
                file: self.path.to_owned(),
                line: self.number,
                reason: "not UTF-8".to_owned(),
            }),
            Err(error) => Err(LoadError::Io(self.path.to_owned(), error)),
        }
    }

    /// The current line is the one with the checksum: compares it, and sees that nothing follows.
    fn verify(&mut self) -> Result<(), LoadError> {
        let path = self.path.to_owned();
        let expected = format!("{CHECKSUM}{:08x}\n", self.checksum.clone().finalize());
        if self.line != expected || self.next()?.is_some() {
            return Err(LoadError::Checksum(path));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Loading {
    loaded: Loaded,
    section: Section,
}

#[derive(Debug, Clone, Copy)]
enum Section {
    Families,
    Series,
    Idempotency,
    Clients,
}

impl Default for Loading {
    fn default() -> Self {
        let loaded = Loaded {
            state: State::default(),
            position: 0,
            clients: Vec::new(),
            foreign: false,
        };
        Loading {
            loaded,
            section: Section::Families,
        }
    }
}

impl Loading {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(item) = line.strip_prefix("- ") {
            return match self.section {
                Section::Families => self.family(parse(item)?),
                Section::Series => self.series(parse(item)?),
                Section::Idempotency => self.key(&parse(item)?),
                Section::Clients => {
                    let ClientLine { key, client, seen_ms } = parse(item)?;
                    self.loaded.clients.push(ClientSeen {
                        key: key.into(),
                        client: client.into(),
                        seen_ms,
                    });
                    Ok(())
                }
            };
        }
        if let Some(hub) = line.strip_prefix("hub: ") {
            return self.hub(&parse(hub)?);
        }
        self.section = match line.strip_suffix(" []").unwrap_or(line) {
            "families:" => Section::Families,
            "series:" => Section::Series,
            "idempotency:" => Section::Idempotency,
            "clients:" => Section::Clients,
            _ => return Err(format!("unexpected {line:?}")),
        };
        Ok(())
    }

    fn hub(&mut self, hub: &HubLine) -> Result<(), String> {
        if hub.format != FORMAT {
            return Err(format!(
                "the format is {}, this version reads format {FORMAT}: use a newer metric-nexus",
                hub.format
            ));
        }
        if hub.sequence == u64::MAX {
            return Err("no change could follow this sequence".to_owned());
        }
        self.loaded.position = hub.sequence;
        Ok(())
    }

    fn family(&mut self, line: FamilyLine<'_>) -> Result<(), String> {
        let name = Name::new(&line.name).map_err(|error| error.to_string())?;
        let bounds: Vec<f64> = line.buckets.iter().map(|bound| bound.0).collect();
        let family = Family {
            name,
            kind: line
                .kind
                .parse()
                .map_err(|error: nexus_metric::UnknownKind| error.to_string())?,
            help: line.help.into(),
            unit: line.unit.into(),
            buckets: Buckets::new(&bounds).map_err(|error| error.to_string())?,
        };
        if self.loaded.state.family(family.name.as_str()).is_some() {
            return Err(format!("{} is there twice", family.name));
        }
        self.loaded.state.define(
            family,
            Stamp {
                sequence: line.sequence,
                at_ms: line.defined_ms,
            },
        );
        Ok(())
    }

    fn key(&self, line: &KeyLine<'_>) -> Result<(), String> {
        let (id, fingerprint) = (hex(line.id), hex(line.fingerprint));
        let (Some(id), Some(fingerprint)) = (id, fingerprint) else {
            return Err("id and fingerprint are 32 and 16 hexadecimal digits".to_owned());
        };
        self.loaded.state.restore_key(Used {
            idempotency: Idempotency { id, fingerprint },
            sequence: line.sequence,
            at_ms: line.at_ms,
            created: line.created,
            deleted: line.deleted,
        });
        Ok(())
    }

    fn series(&mut self, line: SeriesLine<'_>) -> Result<(), String> {
        let family = self
            .loaded
            .state
            .family(&line.name)
            .ok_or_else(|| format!("there is no family {:?}", line.name))?;
        let labels = Labels::from_pairs(line.labels.0).map_err(|error| error.to_string())?;
        let stamp = Stamp {
            sequence: line.sequence,
            at_ms: line.changed_ms,
        };
        let is_histogram = family.family.kind == Kind::Histogram;
        let value = match (line.value, line.counts, line.sum) {
            (Some(value), None, None) if !is_histogram => Value::Number(value.0, stamp),
            (None, Some(counts), Some(sum))
                if is_histogram && counts.len() == family.family.buckets.bounds().len() + 1 =>
            {
                Value::Histogram(Histogram {
                    counts,
                    sum: sum.0,
                    stamp,
                })
            }
            _ => {
                return Err(
                    "a series needs a value; of a histogram one count more than it has buckets, and a sum".to_owned(),
                );
            }
        };
        let series = RestoredSeries {
            labels: labels.as_text(),
            owner: Arc::from(&*line.owner),
            created_ms: line.created_ms,
            value,
        };
        if !self.loaded.state.restore(&family.clone(), series) {
            return Err(format!("{}{labels} is there twice", line.name));
        }
        Ok(())
    }
}

fn parse<'a, T: Deserialize<'a>>(item: &'a str) -> Result<T, String> {
    serde_json::from_str(item).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct HubLine {
    format: u64,
    sequence: u64,
}

#[derive(Deserialize)]
struct FamilyLine<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    kind: &'a str,
    #[serde(borrow)]
    help: Cow<'a, str>,
    #[serde(borrow)]
    unit: Cow<'a, str>,
    #[serde(default)]
    buckets: Vec<Number>,
    defined_ms: u64,
    sequence: u64,
}

#[derive(Deserialize)]
struct SeriesLine<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    labels: Pairs<'a>,
    value: Option<Number>,
    counts: Option<Box<[u64]>>,
    sum: Option<Number>,
    #[serde(borrow)]
    owner: Cow<'a, str>,
    created_ms: u64,
    changed_ms: u64,
    sequence: u64,
}

#[derive(Deserialize)]
struct KeyLine<'a> {
    id: &'a str,
    fingerprint: &'a str,
    created: u32,
    deleted: u32,
    at_ms: u64,
    sequence: u64,
}

#[derive(Deserialize)]
struct ClientLine<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    client: Cow<'a, str>,
    seen_ms: u64,
}
