//! The small map and the small queue, against the standard library's.

use std::collections::{BTreeMap, VecDeque};

use tidegate::proto::id::SendId;
use tidegate::proto::random::Random;
use tidegate::proto::table::{Queue, Table};

const ROUNDS: u64 = 200;
const STEPS: u64 = 300;

#[test]
fn a_table_does_what_a_tree_map_does() {
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed);
        let (mut table, mut model) = (Table::default(), BTreeMap::new());
        for step in 0..STEPS {
            // Mostly at the end, as ids are made; also at the ends of what a number holds.
            let key = *[random.below(20) as u32, step as u32, u32::MAX].get(random.below(3) as usize).unwrap();
            let id = SendId::new(key);
            match random.below(6) {
                0 | 1 => {
                    table.insert(id, step);
                    model.insert(key, step);
                }
                2 | 3 => assert_eq!(table.remove(id), model.remove(&key), "seed {seed}"),
                4 => {
                    assert_eq!(table.get_mut(id).map(|value| std::mem::replace(value, 7)), model.get(&key).copied());
                    model.entry(key).and_modify(|value| *value = 7);
                }
                _ => {
                    table.values_mut().for_each(|value| *value += 1);
                    model.values_mut().for_each(|value| *value += 1);
                }
            }
            assert_eq!(table.get(id), model.get(&key), "seed {seed}");
            assert_eq!(table.is_empty(), model.is_empty(), "seed {seed}");
        }
        let pairs: Vec<_> = table.iter().map(|(key, &value)| (key.number(), value)).collect();
        assert_eq!(pairs, model.clone().into_iter().collect::<Vec<_>>(), "seed {seed}: in the order of the keys");
        assert!(table.values().eq(model.values()), "seed {seed}");
        let even: Vec<_> =
            model.iter().filter(|(_, value)| *value % 2 == 0).map(|(&key, _)| SendId::new(key)).collect();
        assert_eq!(table.keys_where(|value| value % 2 == 0), even, "seed {seed}");
    }
}

#[test]
fn a_queue_does_what_a_ring_buffer_does() {
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed);
        let (mut queue, mut model) = (Queue::default(), VecDeque::new());
        for step in 0..STEPS {
            match random.below(5) {
                0 | 1 => {
                    queue.push(step % 40);
                    model.push_back(step % 40);
                }
                2 => {
                    queue.push_front(step);
                    model.push_front(step);
                }
                3 => assert_eq!(queue.pop(), model.pop_front(), "seed {seed}"),
                _ => {
                    let item = random.below(40);
                    let place = model.iter().position(|&other| other == item);
                    assert_eq!(queue.remove(&item), place.is_some(), "seed {seed}");
                    place.and_then(|place| model.remove(place));
                }
            }
            assert_eq!(queue.first(), model.front(), "seed {seed}");
            assert_eq!(queue.is_empty(), model.is_empty(), "seed {seed}");
        }
        let rest: VecDeque<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, model, "seed {seed}");
    }
}
