//! One worker, as the server sees it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::order::{Order, What};
use super::ready::Ready;
use crate::store::RetryPolicy;

/// A task that a worker serves.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TaskOffer {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) retry: RetryPolicy,
}

pub(super) struct Worker {
    /// Changes when it connects again: a poll of the connection before is none of its own.
    pub(super) session: String,
    pub(super) tasks: HashMap<String, TaskOffer>,
    pub(super) concurrency: usize,
    /// All that it holds.
    pub(super) runs: HashSet<String>,
    /// Those that take a slot: they do not wait.
    pub(super) executing: HashSet<String>,
    pub(super) ready: Ready,
    /// Not said to have come.
    orders: VecDeque<Order>,
    last_order: u64,
    /// The orders up to this were told at least once.
    pub(super) told: u64,
    pub(super) heard_at: Instant,
    /// Polls that are held open.
    pub(super) polls: usize,
    pub(super) wake: Arc<Notify>,
    /// It takes nothing new.
    pub(super) is_leaving: bool,
}

impl Worker {
    pub(super) fn new(session: String, offers: Vec<TaskOffer>, concurrency: usize) -> Self {
        Self {
            session,
            tasks: offers.into_iter().map(|offer| (offer.id.clone(), offer)).collect(),
            concurrency,
            runs: HashSet::new(),
            executing: HashSet::new(),
            ready: Ready::default(),
            orders: VecDeque::new(),
            last_order: 0,
            told: 0,
            heard_at: Instant::now(),
            polls: 0,
            wake: Arc::default(),
            is_leaving: false,
        }
    }

    pub(super) fn has_slot(&self) -> bool {
        self.executing.len() < self.concurrency
    }

    /// Gives the number of the order.
    pub(super) fn order(&mut self, what: What) -> u64 {
        self.last_order += 1;
        self.orders.push_back(Order { seq: self.last_order, what });
        self.wake.notify_waiters();
        self.last_order
    }

    pub(super) fn acknowledge(&mut self, seq: u64) {
        while self.orders.front().is_some_and(|order| order.seq <= seq) {
            self.orders.pop_front();
        }
    }

    /// What it has to be told.
    pub(super) fn tell(&mut self) -> Vec<Order> {
        self.told = self.last_order;
        self.orders.iter().cloned().collect()
    }

    pub(super) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }
}
