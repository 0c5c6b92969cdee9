//! The thread that sends: takes, sends, waits, and answers those who flush and close.

mod trouble;
mod waiting;

use std::{
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::time::{self, Instant};

use self::{trouble::Trouble, waiting::Waiting};
use super::{
    mailbox::Mailbox,
    outbox::{Answer, Outbox, Sealed},
    registry::Registry,
    report::{Undelivered, Unsent},
    transport,
};
use crate::Client;

/// Who is told what was refused.
pub(super) type OnRefused = dyn Fn(&Undelivered) + Send + Sync;

pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) registry: Arc<Registry>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) on_refused: Option<Arc<OnRefused>>,
    pub(super) interval: Duration,
    pub(super) outbox: Outbox,
    pub(super) waiting: Vec<Waiting>,
    pub(super) trouble: Option<Trouble>,
}

/// Why waiting is over.
enum Woken<T> {
    Done(T),
    /// Somebody asked for something.
    Asked,
    /// It is time to end.
    End,
}

/// It is time to end.
struct Ended;

impl Sender {
    /// Runs until it is closed, or abandoned.
    pub(super) async fn run(mut self) {
        let _end = EndOnDrop(self.mailbox.clone());
        loop {
            let pause = self.pause();
            match self.until(time::sleep(pause)).await {
                Woken::Done(()) => {}
                // Whoever asks may know that the hub is back.
                Woken::Asked => self.trouble.iter_mut().for_each(Trouble::begin_again),
                Woken::End => break,
            }
            if self.round().await.is_err() {
                break;
            }
        }
        self.finish();
    }

    fn pause(&self) -> Duration {
        // Not more often than if all were well, unless somebody waits.
        let least = if self.waiting.is_empty() {
            self.interval
        } else {
            Duration::ZERO
        };
        self.trouble
            .as_ref()
            .map_or(least, |trouble| trouble.pause().max(least))
    }

    /// Takes what was counted if all before is settled, and sends until nothing is left or the hub does not take it.
    async fn round(&mut self) -> Result<(), Ended> {
        if self.outbox.is_settled() {
            self.waiting.iter_mut().for_each(|waiting| waiting.taken = true);
            let on_refused = self.on_refused.clone();
            self.outbox
                .fill(&self.registry, |item| report(on_refused.as_deref(), &item));
        }
        loop {
            let sealed = match self.outbox.next(&self.registry) {
                Ok(Some(sealed)) => sealed,
                Ok(None) => return self.settle(),
                Err(error) => {
                    self.fail(error.to_string(), None);
                    return Ok(());
                }
            };
            let answer = self.exchange(&sealed).await?;
            let on_refused = self.on_refused.clone();
            self.outbox
                .answered(answer.clone(), |item| report(on_refused.as_deref(), &item));
            match answer {
                Answer::Taken | Answer::Refused(_) | Answer::RefusedWhole(_) => self.recover(),
                Answer::NotAllowed(why) => {
                    self.fail(why, None);
                    // A key that may not write will not be allowed to before the deadline either.
                    let closes = self.waiting.iter().any(Waiting::closes);
                    return if closes { Err(Ended) } else { Ok(()) };
                }
                Answer::Later { why, retry_after, .. } => {
                    self.fail(why, retry_after);
                    return Ok(());
                }
            }
        }
    }

    /// Sends a batch once.
    async fn exchange(&mut self, sealed: &Sealed) -> Result<Answer, Ended> {
        let client = self.client.clone();
        let mut sending = pin!(transport::send(&client, sealed));
        loop {
            match self.until(sending.as_mut()).await {
                Woken::Done(answer) => return Ok(answer),
                Woken::Asked => {}
                Woken::End => break,
            }
        }
        // It is on its way.
        let why = "the time was over before the hub answered";
        self.trouble.get_or_insert(Trouble::new(why.to_owned(), 1, None));
        self.outbox.answered(
            Answer::Later {
                why: why.to_owned(),
                retry_after: None,
                may_have_arrived: true,
            },
            |_| {},
        );
        Err(Ended)
    }

    /// Waits for something, and takes requests meanwhile.
    async fn until<T>(&mut self, awaited: impl Future<Output = T>) -> Woken<T> {
        let mut awaited = pin!(awaited);
        let mailbox = self.mailbox.clone();
        loop {
            let deadline = self.waiting.iter().map(|waiting| waiting.deadline).min();
            let over = async {
                match deadline {
                    Some(deadline) => time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                done = &mut awaited => return Woken::Done(done),
                requests = mailbox.requests() => match requests {
                    Some(requests) => {
                        self.waiting.extend(requests.into_iter().map(Waiting::new));
                        return Woken::Asked;
                    }
                    None => return Woken::End,
                },
                () = over => if self.expire() {
                    return Woken::End;
                },
            }
        }
    }

    /// All that was taken is with the hub.
    fn settle(&mut self) -> Result<(), Ended> {
        let (done, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|one| one.taken);
        self.waiting = waiting;
        let done: Vec<Waiting> = done;
        let ends = done.iter().any(|one| one.closes());
        if ends {
            // Nobody may take the answer for a promise about what is asked after it.
            self.mailbox.end();
        }
        done.into_iter().for_each(|one| one.answer(Ok(())));
        if ends { Err(Ended) } else { Ok(()) }
    }

    fn fail(&mut self, why: String, retry_after: Option<Duration>) {
        if self.trouble.is_none() {
            tracing::warn!(error = %why, "cannot send what was counted; it is kept, and tried again");
        }
        let tries = self.trouble.as_ref().map_or(0, Trouble::tries);
        self.trouble = Some(Trouble::new(why, tries.saturating_add(1), retry_after));
    }

    fn recover(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!("what was counted can be sent again");
        }
    }

    /// Answers those whose time is over; whether one of them wanted it to end.
    fn expire(&mut self) -> bool {
        let now = Instant::now();
        let is_over = |one: &Waiting| one.deadline <= now;
        if self.waiting.iter().any(|one| is_over(one) && one.closes()) {
            return true;
        }
        let (over, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(is_over);
        self.waiting = waiting;
        let over: Vec<Waiting> = over;
        if !over.is_empty() {
            self.collect();
            let unsent = self.unsent();
            over.into_iter().for_each(|one| one.answer(Err(unsent.clone())));
        }
        false
    }

    /// Takes what was counted since, to be able to say what is not sent.
    fn collect(&mut self) {
        let on_refused = self.on_refused.clone();
        self.outbox
            .collect(&self.registry, |item| report(on_refused.as_deref(), &item));
    }

    fn unsent(&self) -> Unsent {
        let why = self.trouble.as_ref().map_or("the time was over", Trouble::why);
        Unsent::new(self.outbox.unsent(why), why)
    }

    /// The end: tells what is left to those who wait for it, or else to the log.
    fn finish(mut self) {
        self.mailbox.end();
        self.collect();
        let unsent = self.unsent();
        if unsent.items().is_empty() {
            self.waiting.into_iter().for_each(|one| one.answer(Ok(())));
            return;
        }
        if self.waiting.is_empty() {
            tracing::error!(%unsent, "what was counted is lost");
        }
        for one in self.waiting {
            one.answer(Err(unsent.clone()));
        }
    }
}

/// Tells of what was refused. What is told may not end the thread.
fn report(on_refused: Option<&OnRefused>, item: &Undelivered) {
    tracing::warn!(%item, reason = item.reason(), "the hub refuses what was counted; it is dropped");
    if let Some(on_refused) = on_refused
        && panic::catch_unwind(AssertUnwindSafe(|| on_refused(item))).is_err()
    {
        tracing::error!(%item, "on_refused panicked");
    }
}

/// However the thread ends, those who wait are told.
struct EndOnDrop(Arc<Mailbox>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}
