//! `metric-nexus ca`: prints what clients verify the hub with, whether or not it runs.

use std::io::Write;

use super::Failure;
use crate::{
    cli::{EXIT_FAILURE, Failure as Refused, PlaceArgs},
    config::{Certificate, Config, process_environment},
    tls,
};

/// The certificate goes to `output`, its fingerprint to `notes`.
pub(super) fn run(place: &PlaceArgs, output: &mut dyn Write, notes: &mut dyn Write) -> Result<(), Failure> {
    let config = Config::find_and_load(&place.overrides(), &process_environment)
        .map_err(|errors| Failure::from(Refused::from(errors)))?;
    let found = tls::find_authority(&config.state.tls_dir()).map_err(|error| Failure::of(&error))?;
    let Some((pem, fingerprint)) = found else {
        return Err(Failure {
            text: missing(&config),
            code: EXIT_FAILURE,
        });
    };
    let printed = output.write_all(pem.as_bytes()).and_then(|()| output.flush());
    printed.map_err(|error| Failure::from(Refused::from(error)))?;
    // Nobody need read it.
    let _ = writeln!(notes, "fingerprint sha256:{fingerprint}");
    Ok(())
}

fn missing(config: &Config) -> String {
    let directory = config.state.tls_dir();
    let directory = directory.display();
    match &config.tls.certificate {
        Certificate::Generated => format!(
            "there is no authority in {directory}: a hub makes it at its first start; --state or --config say where its state is"
        ),
        Certificate::Files { cert, .. } => format!(
            "the hub shows {}, which it did not make: clients verify that with its own authority",
            cert.display()
        ),
    }
}
