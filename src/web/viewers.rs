//! Places for those who see and hear a stream itself: bounded in all and for each user.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::id::UserId;

/// Who views how many streams.
#[derive(Debug, Clone)]
pub(super) struct Viewers(Arc<Held>);

#[derive(Debug)]
struct Held {
    most: usize,
    most_each: usize,
    by_user: Mutex<BTreeMap<UserId, usize>>,
}

/// A place that is taken; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    held: Arc<Held>,
    user: UserId,
}

impl Viewers {
    /// So many places in all, and so many for one user.
    pub(super) fn new(most: usize, most_each: usize) -> Self {
        Self(Arc::new(Held { most, most_each, by_user: Mutex::default() }))
    }

    /// Takes a place, if one is free.
    pub(super) fn enter(&self, user: &UserId) -> Option<Place> {
        let mut by_user = self.0.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (by_user.values().sum::<usize>(), by_user.get(user).copied().unwrap_or(0));
        (all < self.0.most && own < self.0.most_each).then(|| {
            by_user.insert(user.clone(), own + 1);
            Place { held: Arc::clone(&self.0), user: user.clone() }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_user = self.held.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        let left = by_user.get(&self.user).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            by_user.remove(&self.user);
        } else {
            by_user.insert(self.user.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let viewers = Viewers::new(3, 2);
        let user = |id: &str| UserId::parse(id).unwrap();
        let first = viewers.enter(&user("a"));
        let second = viewers.enter(&user("a"));
        assert!(
            first.is_some() && second.is_some() && viewers.enter(&user("a")).is_none(),
            "two for one user"
        );
        let third = viewers.enter(&user("b"));
        assert!(third.is_some() && viewers.enter(&user("c")).is_none(), "three in all");
        drop(first);
        assert!(viewers.enter(&user("c")).is_some());
    }
}
