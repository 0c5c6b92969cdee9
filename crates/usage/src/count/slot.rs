//! A small number for each thread that counts, its own as long as the thread lives.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// One bit per number that some thread has.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// How many numbers have ever been given at once, at most.
static EVER: AtomicUsize = AtomicUsize::new(0);

/// How many threads can have a number at once: twice as many as run at once, so that threads which do not count do not matter.
pub(super) static SLOTS: LazyLock<usize> = LazyLock::new(|| {
    let parallel = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * parallel + 2).min(TAKEN_BITS)
});

const TAKEN_BITS: usize = 64;

struct Slot(Option<usize>);

thread_local! {
    static SLOT: Slot = Slot::take();
}

/// The number of this thread. None if all are taken, or the thread is ending.
#[inline]
pub(super) fn of_this_thread() -> Option<usize> {
    SLOT.try_with(|slot| slot.0).ok().flatten()
}

/// All numbers that any thread has or had are below this one.
#[inline]
pub(super) fn ever_taken() -> usize {
    EVER.load(Ordering::Acquire)
}

impl Slot {
    fn take() -> Self {
        // Acquire: sees all that the thread before wrote under this number.
        let taken = TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, |taken| {
            let free = taken.trailing_ones() as usize;
            (free < *SLOTS).then(|| taken | (1 << free))
        });
        let slot = taken.ok().map(|taken| taken.trailing_ones() as usize);
        EVER.fetch_max(slot.map_or(0, |slot| slot + 1), Ordering::Release);
        Slot(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            TAKEN.fetch_and(!(1 << slot), Ordering::Release);
        }
    }
}
