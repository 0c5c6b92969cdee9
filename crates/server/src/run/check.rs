use std::io::Write;

use super::Failure;
use crate::{
    cli::{CheckArgs, Failure as Refused},
    config::{Config, process_environment},
    hub::store_settings,
    store::Store,
};

/// Reads the state as a start would, and says what is in it.
pub(super) fn run(place: &CheckArgs, output: &mut dyn Write) -> Result<(), Failure> {
    let config = Config::find_and_load(&place.serve_args(), &process_environment)
        .map_err(|errors| Failure::from(Refused::from(errors)))?;
    let checked = Store::check(&store_settings(&config)).map_err(|error| Failure::of(&error))?;
    let mut line = |text: String| writeln!(output, "{text}").map_err(|error| Failure::of(&error));
    line(format!(
        "{}: {}",
        config.state.snapshot.display(),
        match checked.snapshot_position {
            Some(position) => format!("sound, stands for change {position}"),
            None => "not there".to_owned(),
        }
    ))?;
    let recovered = &checked.recovered;
    line(format!(
        "{}: sound, {} writes in {} frames, up to change {}",
        config.state.journal_dir().display(),
        recovered.writes,
        recovered.frames,
        recovered.last
    ))?;
    for cut in &recovered.cut {
        line(format!(
            "{}: {} bytes from offset {} on are an unfinished frame, which nobody was promised",
            cut.file.display(),
            cut.length,
            cut.offset
        ))?;
    }
    line(format!("{} metrics, {} series", checked.families, checked.series))
}
