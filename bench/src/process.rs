//! A server that runs beside the measurement: how it is started, looked at and ended.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(120);

/// A child process; ended when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts a program; what it says on standard error goes to the file `log`.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let log = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Process { child, name })
    }

    /// Starts a program and reads the first line that it says on standard output.
    ///
    /// # Errors
    /// The program cannot be started, or ends without a word.
    pub fn start_and_listen(command: &mut Command, log: &Path) -> Result<(Self, String)> {
        let mut process = Process::start(command.stdout(Stdio::piped()), log)?;
        let output = process.child.stdout.take().context("it was piped")?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        output.read_line(&mut line)?;
        if line.is_empty() {
            bail!("{} said nothing: {}", process.name, fs::read_to_string(log)?);
        }
        // A closed pipe would be an error for what it says later.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok((process, line.trim_end().to_owned()))
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// The process ends, or takes too long.
    pub fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> Result<()> {
        let began = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended: {status}", self.name);
            }
            ensure!(began.elapsed() < START_MAX, "{} does not get ready", self.name);
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Memory that it holds, in bytes.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn resident(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The part of it that is not pages of files, which whoever uses the same program shares: in bytes.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn anonymous(&self) -> Result<u64> {
        self.status("RssAnon:")
    }

    /// The most memory that it held since [`Process::forget_peak`].
    ///
    /// # Errors
    /// It is not there any more.
    pub fn peak(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// Takes what it holds now for the most that it held.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn forget_peak(&self) -> Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    fn status(&self, field: &str) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kibibytes = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kibibytes.with_context(|| format!("{} has no {field}", self.name))? * 1024)
    }

    /// Processor time that it has used in all its threads.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn processor(&self) -> Result<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name stands in parentheses and may hold blanks; user and system time are fields 14 and 15.
        let rest = text.rsplit_once(") ").context("not a stat file")?.1;
        let ticks: u64 = rest
            .split(' ')
            .skip(11)
            .take(2)
            .map(str::parse::<u64>)
            .sum::<Result<_, _>>()?;
        Ok(Duration::from_secs(1).mul_f64(ticks as f64 / ticks_per_second()))
    }

    /// Ends it as a crash does.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// It ends in failure.
    pub fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(asked.success(), "cannot ask {} to end", self.name);
        let status = self.child.wait()?;
        ensure!(status.success(), "{} ended: {status}", self.name);
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ticks_per_second() -> f64 {
    static TICKS: OnceLock<f64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        let output = Command::new("getconf").arg("CLK_TCK").output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.ok().and_then(|text| text.parse().ok()).unwrap_or(100.0)
    })
}
