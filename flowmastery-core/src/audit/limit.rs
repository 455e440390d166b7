//! How many attempts a minute has room for. People who are signed in have room of their own, which no flood of others takes away, and so have
//! attempts at accounts that exist: a flood of guesses at nobody must not hide those at somebody.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::{id::UserId, model::audit::AuditAction, request::Network, store::NewAuditEntry};

const MINUTE: Duration = Duration::from_secs(60);
/// How many of one address, or of one user who is signed in.
const OF_ONE: u32 = 10;
/// How many of all users who are signed in, as many at accounts that exist, and as many others: on SQLite 60 a minute are 18 MB a day, however
/// long a flood lasts.
const OF_ALL: u32 = 60;

/// How many attempts of a kind were left out.
pub(super) type LeftOut = BTreeMap<AuditAction, u64>;

/// Whose attempts are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    User(UserId),
    /// Those who are not signed in, by where they come from.
    Network(Option<Network>),
}

impl Source {
    fn of(entry: &NewAuditEntry) -> Self {
        entry.actor.map_or_else(|| Self::Network(entry.origin.network()), Self::User)
    }
}

/// What was taken of a minute. It never knows more sources than it has room for.
#[derive(Default)]
pub(super) struct Limit {
    began: Duration,
    users: Room,
    /// Of those who are not signed in, at accounts that exist.
    accounts: Room,
    /// Of the same, at nobody's.
    strangers: Room,
    left_out: LeftOut,
}

#[derive(Default)]
struct Room {
    taken: u32,
    by_source: HashMap<Source, u32>,
}

impl Room {
    fn take(&mut self, source: Source) -> bool {
        let of_one = self.by_source.get(&source).copied().unwrap_or_default();
        let has_room = of_one < OF_ONE && self.taken < OF_ALL;
        if has_room {
            self.taken += 1;
            self.by_source.insert(source, of_one + 1);
        }
        has_room
    }
}

impl Limit {
    /// Begins another minute, if this one is over; what was left out of it.
    pub(super) fn begin_minute(&mut self, now: Duration) -> LeftOut {
        if now.saturating_sub(self.began) < MINUTE {
            return LeftOut::default();
        }
        std::mem::replace(self, Self { began: now, ..Self::default() }).left_out
    }

    /// What was left out of a minute that is not over.
    pub(super) fn end(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }

    /// Whether an attempt has room; counted where it has none.
    pub(super) fn take(&mut self, entry: &NewAuditEntry) -> bool {
        let source = Source::of(entry);
        let room = match source {
            Source::User(_) => &mut self.users,
            Source::Network(_) if entry.subject.is_some() => &mut self.accounts,
            Source::Network(_) => &mut self.strangers,
        };
        let has_room = room.take(source);
        if !has_room {
            *self.left_out.entry(entry.action).or_default() += 1;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::scope::Author, clock::Timestamp, model::audit::AuditSubject, request::RequestOrigin,
    };

    const START: Duration = Duration::from_secs(1000);

    fn failed(address: &str) -> NewAuditEntry {
        let origin = RequestOrigin { address: address.parse().ok(), request_id: None };
        NewAuditEntry::new(AuditAction::SignInFailed, Timestamp::from_millis(0)).seen_from(origin)
    }

    fn denied(user: i64) -> NewAuditEntry {
        let author = Author { user: UserId(user), origin: RequestOrigin::default() };
        NewAuditEntry::new(AuditAction::Denied, Timestamp::from_millis(0)).by(Some(author))
    }

    fn room(limit: &mut Limit, entries: impl IntoIterator<Item = NewAuditEntry>) -> usize {
        entries.into_iter().filter(|entry| limit.take(entry)).count()
    }

    #[test]
    fn an_address_has_ten_a_minute_and_what_is_left_out_is_counted_once() {
        let mut limit = Limit::default();
        assert!(limit.begin_minute(START).is_empty());
        assert_eq!(room(&mut limit, (0..25).map(|_| failed("192.0.2.1"))), 10);
        assert!(limit.begin_minute(START + MINUTE / 2).is_empty());
        let left_out = limit.begin_minute(START + MINUTE);
        assert_eq!(left_out, LeftOut::from([(AuditAction::SignInFailed, 15)]));
        assert!(limit.begin_minute(START + 2 * MINUTE).is_empty());
        assert_eq!(room(&mut limit, (0..25).map(|_| failed("192.0.2.1"))), 10);
        assert_eq!(limit.end(), LeftOut::from([(AuditAction::SignInFailed, 15)]));
        assert!(limit.end().is_empty());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let mut limit = Limit::default();
        assert_eq!(room(&mut limit, (0..25).map(|n| failed(&format!("2001:db8:1:2::{n}")))), 10);
        assert_eq!(room(&mut limit, (0..25).map(|n| failed(&format!("2001:db8:1:{n}::1")))), 24);
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded_and_leaves_those_who_are_signed_in_their_room() {
        let mut limit = Limit::default();
        assert_eq!(room(&mut limit, (0..250).map(|n| failed(&format!("192.0.2.{n}")))), 60);
        assert_eq!(limit.strangers.by_source.len(), 60);
        assert_eq!(room(&mut limit, (0..25).map(|_| denied(1))), 10);
        assert_eq!(room(&mut limit, (0..9).map(|_| denied(2))), 9);
        let guess = failed("198.51.100.1").on(AuditSubject::User(UserId(1)));
        assert_eq!(room(&mut limit, std::iter::repeat_n(guess, 25)), 10, "and guesses at somebody theirs");
        let left_out = [(AuditAction::SignInFailed, 190 + 15), (AuditAction::Denied, 15)];
        assert_eq!(limit.end(), LeftOut::from(left_out));
    }
}
