//! Orders that were given under a caller's own key, so that a request that is sent again is not a second order.
//! Gone with the process on purpose: after a restart the journal says what was ordered.

use std::collections::{BTreeMap, VecDeque};

use crate::observation::action::ActionKey;

/// Orders remembered; the oldest goes first.
const ORDERS_MAX: usize = 1024;

/// The newest orders by their callers' keys.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    orders: BTreeMap<String, ActionKey>,
    age: VecDeque<String>,
}

impl Remembered {
    pub(super) fn get(&self, key: &str) -> Option<ActionKey> {
        self.orders.get(key).cloned()
    }

    pub(super) fn put(&mut self, key: String, order: ActionKey) {
        if self.age.len() >= ORDERS_MAX
            && let Some(oldest) = self.age.pop_front()
        {
            self.orders.remove(&oldest);
        }
        self.age.push_back(key.clone());
        self.orders.insert(key, order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_and_no_more() {
        let mut remembered = Remembered::default();
        for n in 0..=ORDERS_MAX {
            remembered.put(n.to_string(), ActionKey(format!("act-{n}")));
        }
        assert_eq!(remembered.get("0"), None);
        assert_eq!(remembered.get("1"), Some(ActionKey("act-1".into())));
    }
}
