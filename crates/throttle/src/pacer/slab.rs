//! Places that are used again, each under an id that is not.

/// An id of generation 0 was never given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Id {
    index: u32,
    generation: u32,
}

impl Id {
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        let low = bits & u64::from(u32::MAX);
        Self {
            index: u32::try_from(low).unwrap_or(u32::MAX),
            generation: u32::try_from(bits >> 32).unwrap_or(0),
        }
    }
}

#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> Id {
        if let Some(index) = self.free.pop()
            && let Some((generation, place)) = self.place(index)
        {
            *place = Some(value);
            return Id {
                index,
                generation: *generation,
            };
        }
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push((1, Some(value)));
        Id { index, generation: 1 }
    }

    pub(super) fn get(&self, id: Id) -> Option<&T> {
        let (generation, place) = self.places.get(usize::try_from(id.index).ok()?)?;
        place.as_ref().filter(|_| *generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let (generation, place) = self.place(id.index)?;
        if *generation == id.generation {
            place.as_mut()
        } else {
            None
        }
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        self.get(id)?;
        let (generation, place) = self.place(id.index)?;
        *generation = generation.wrapping_add(1).max(1);
        let value = place.take();
        self.free.push(id.index);
        value
    }

    /// The id of what is in this place, if anything is.
    pub(super) fn at(&self, index: usize) -> Option<Id> {
        let (generation, place) = self.places.get(index)?;
        place.as_ref()?;
        Some(Id {
            index: u32::try_from(index).ok()?,
            generation: *generation,
        })
    }

    /// How many places there are, used or free.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|(_, place)| place.as_ref())
    }

    fn place(&mut self, index: u32) -> Option<&mut (u32, Option<T>)> {
        self.places.get_mut(usize::try_from(index).ok()?)
    }
}
