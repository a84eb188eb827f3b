//! A small map and a small queue, over plain vectors.
//!
//! There are few entries at a time, and most are added at the end. The standard library's tree and ring buffer are made anew
//! for each type they hold: together they were half of the whole module.

use alloc::vec::Vec;
use core::marker::PhantomData;

/// What a [`Table`] is keyed by.
pub trait Key: Copy {
    /// The number that stands for it.
    fn number(self) -> u32;

    /// The key with this number.
    fn from_number(number: u32) -> Self;
}

/// A map in the order of its keys, which are numbers: looking one up is the same code for every type.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    keys: Vec<u32>,
    values: Vec<V>,
    of: PhantomData<K>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { keys: Vec::new(), values: Vec::new(), of: PhantomData }
    }
}

impl<K: Key, V> Table<K, V> {
    /// The value of a key.
    pub fn get(&self, key: K) -> Option<&V> {
        self.values.get(find(&self.keys, key.number()).ok()?)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.values.get_mut(find(&self.keys, key.number()).ok()?)
    }

    /// Puts a value in, in place of one that is there.
    pub fn insert(&mut self, key: K, value: V) {
        let number = key.number();
        match find(&self.keys, number) {
            Ok(at) => self.values[at] = value,
            Err(at) => {
                self.keys.insert(at, number);
                self.values.insert(at, value);
            }
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let at = find(&self.keys, key.number()).ok()?;
        self.keys.remove(at);
        Some(self.values.remove(at))
    }

    /// Every key and value.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.keys.iter().map(|&number| K::from_number(number)).zip(&self.values)
    }

    /// Every value.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter()
    }

    /// Every value, to change it.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut()
    }

    /// The keys whose values are of the asked kind.
    pub fn keys_where(&self, of_the_kind: impl Fn(&V) -> bool) -> Vec<K> {
        let mut found = Vec::new();
        for (key, value) in self.iter() {
            if of_the_kind(value) {
                found.push(key);
            }
        }
        found
    }

    /// The first of those keys.
    pub fn key_where(&self, is_it: impl Fn(&V) -> bool) -> Option<K> {
        for (key, value) in self.iter() {
            if is_it(value) {
                return Some(key);
            }
        }
        None
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn find(keys: &[u32], number: u32) -> Result<usize, usize> {
    keys.binary_search(&number)
}

/// First in, first out.
#[derive(Clone, Debug)]
pub struct Queue<T>(Vec<T>);

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Queue<T> {
    /// Adds at the end.
    pub fn push(&mut self, item: T) {
        self.0.push(item);
    }

    /// Puts back at the front.
    pub fn push_front(&mut self, item: T) {
        self.0.insert(0, item);
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<T> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// The first.
    pub fn first(&self) -> Option<&T> {
        self.0.first()
    }

    /// Every one, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// Takes one out of the middle. `true` when it was there.
    pub fn remove(&mut self, item: &T) -> bool
    where
        T: PartialEq,
    {
        let place = self.0.iter().position(|other| other == item);
        place.is_some_and(|place| {
            self.0.remove(place);
            true
        })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
