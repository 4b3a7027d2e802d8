//! Large values by a number, and answers by their question: a state is then a few words, and each rule is asked once per
//! question. It does not know what the values mean.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// The number of an interned value; the default is none.
pub struct Id<T>(u32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// No value.
    pub const NONE: Self = Self(0, PhantomData);

    /// Whether it is no value.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> Default for Id<T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Values by number; equal values have one number.
pub struct Interned<T> {
    inner: Mutex<Numbered<T>>,
}

struct Numbered<T> {
    numbers: HashMap<Arc<T>, u32>,
    values: Vec<Arc<T>>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { inner: Mutex::new(Numbered { numbers: HashMap::new(), values: Vec::new() }) }
    }
}

impl<T: Eq + Hash> Interned<T> {
    /// The number of a value.
    ///
    /// # Panics
    /// After four thousand million values.
    pub fn id(&self, value: T) -> Id<T> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = inner.numbers.get(&value) {
            return Id(*number, PhantomData);
        }
        let value = Arc::new(value);
        inner.values.push(value.clone());
        let number = u32::try_from(inner.values.len()).expect("a run has far fewer values");
        inner.numbers.insert(value, number);
        Id(number, PhantomData)
    }

    /// The value of a number.
    ///
    /// # Panics
    /// If the number is none, or of another table.
    pub fn get(&self, id: Id<T>) -> Arc<T> {
        let index = (id.0 as usize).checked_sub(1).expect("asked only for values that are there");
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).values[index].clone()
    }
}

/// So many locks that two threads seldom meet.
const SHARDS: usize = 64;

/// Answers by question.
pub struct Answers<Q, A> {
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<Q, A>>>,
}

impl<Q, A> Default for Answers<Q, A> {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect();
        Self { hasher: RandomState::new(), shards }
    }
}

impl<Q: Eq + Hash, A: Copy> Answers<Q, A> {
    /// The answer, worked out the first time it is asked for.
    pub fn to(&self, question: Q, work_out: impl FnOnce(&Q) -> A) -> A {
        let shard = &self.shards[self.hasher.hash_one(&question) as usize % SHARDS];
        let known = shard.lock().unwrap_or_else(PoisonError::into_inner).get(&question).copied();
        if let Some(answer) = known {
            return answer;
        }
        // Not under the lock: answers ask further questions. Two threads may work out the same, once.
        let answer = work_out(&question);
        shard.lock().unwrap_or_else(PoisonError::into_inner).insert(question, answer);
        answer
    }
}
