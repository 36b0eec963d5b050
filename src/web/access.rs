//! Rights: what a route demands, which role has it, and where. Everything not granted is denied.
//!
//! Pure. Knows nothing of sessions or HTTP; `routes` names a right for each route, `guard` enforces it.

use crate::domain::actor::{Actor, Grant, Role};
use crate::domain::id::{MeetingId, RegionId, UserId, VenueId};
use crate::domain::inventory::Inventory;
use crate::domain::time::Utc;

/// What a route demands of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Nothing: signing in, set-up, health, the page itself (which holds no data).
    Public,
    /// Being signed in, whatever the role.
    SignedIn,
    /// Metrics: a peer on loopback, or a role that may.
    Scrape,
    /// Rounds, their matrix and forms.
    ReadRehearsal,
    /// Streams: how they are, their thumbnails and levels.
    WatchStreams,
    /// Seeing and hearing a stream itself.
    ViewStreams,
    /// Opening, closing and retesting.
    RunRehearsal,
    /// Retesting and recording at one venue.
    WorkAtVenue,
    /// 免测.
    Waive,
    /// 三方会签.
    SignOff,
    /// Having devices do something: calling, muting, moving.
    ActOnDevices,
    /// Incidents and alarms.
    ReadIncidents,
    /// Acknowledging, shelving, mitigating, merging.
    HandleIncidents,
    /// 审签.
    ReviewIncidents,
    /// 点名.
    RollCall,
    /// The inventory and the meetings, without names of people.
    ReadInventory,
    /// Changing the inventory, inviting and revoking agents.
    WriteInventory,
    /// Names and numbers of people.
    ReadPeople,
    /// Users and their roles.
    ManageUsers,
    /// Sending tests by the channels of notices.
    TestChannels,
    /// The journal.
    ReadJournal,
    /// The checklist of one venue: by its link alone, never by a role.
    Checklist,
}

impl Right {
    /// Whether a role carries this right. `Public` and `SignedIn` need none; the guard decides them.
    pub fn of(self, role: Role) -> bool {
        use Role::{Auditor, CountyTechnician, Manager, Operator, SystemAdmin, Technician};
        let roles: &[Role] = match self {
            Self::Public | Self::SignedIn => &Role::ALL,
            Self::Scrape => &[SystemAdmin, Auditor],
            Self::ReadRehearsal | Self::WatchStreams | Self::ReadIncidents => {
                &[Technician, CountyTechnician, Operator, Manager]
            }
            Self::ViewStreams => &[Technician, CountyTechnician, Operator],
            Self::RunRehearsal | Self::Waive => &[Technician],
            Self::WorkAtVenue => &[Technician, CountyTechnician],
            Self::ReviewIncidents => &[Manager],
            Self::SignOff => &[Technician, Manager],
            Self::RollCall | Self::ActOnDevices | Self::HandleIncidents => &[Technician, Operator],
            Self::ReadInventory => &[Technician, CountyTechnician, Operator, Manager, SystemAdmin, Auditor],
            Self::WriteInventory => &[SystemAdmin],
            Self::ReadPeople => &[Technician, CountyTechnician, Operator, Manager],
            Self::TestChannels => &[Technician, SystemAdmin],
            Self::ManageUsers => &[Role::SecurityAdmin],
            Self::ReadJournal => &[Auditor],
            Self::Checklist => &[],
        };
        roles.contains(&role)
    }
}

/// What a caller is, beside the grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Somebody with an account.
    Account,
    /// Somebody whose password must be changed before anything else.
    MustChange,
    /// A screen on a wall: it reads and does nothing.
    Wallboard,
    /// Whoever followed the link of a venue.
    Checklist {
        /// In which meeting.
        meeting: MeetingId,
        /// Which venue.
        venue: VenueId,
    },
}

impl Standing {
    /// Whether a right can be had at all.
    pub fn lets(&self, right: Right) -> bool {
        match self {
            Self::Account => right != Right::Checklist,
            Self::MustChange => right == Right::SignedIn,
            Self::Wallboard => matches!(
                right,
                Right::SignedIn | Right::ReadRehearsal | Right::WatchStreams | Right::ReadIncidents
            ),
            Self::Checklist { .. } => matches!(right, Right::SignedIn | Right::Checklist),
        }
    }
}

/// A signed-in user with the grants that hold now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub user: UserId,
    /// Shown name.
    pub name: String,
    /// What, where.
    pub grants: Vec<Grant>,
    /// When the password was given last.
    pub proved: Utc,
    /// What they are.
    pub standing: Standing,
}

impl Caller {
    /// How the journal names this caller.
    pub fn actor(&self) -> Actor {
        Actor::User { id: self.user.clone() }
    }

    /// Whether any grant carries the right, wherever it holds.
    pub fn has(&self, right: Right) -> bool {
        let opened = right == Right::Checklist;
        self.standing.lets(right) && (opened || self.grants.iter().any(|grant| right.of(grant.role)))
    }

    /// Whether the right holds everywhere.
    pub fn has_everywhere(&self, right: Right) -> bool {
        self.standing.lets(right)
            && self.grants.iter().any(|grant| right.of(grant.role) && grant.region.is_none())
    }

    /// Whether the right holds in a region. A region that is not in the inventory is nobody's but theirs whose
    /// grant names no region.
    pub fn may(&self, right: Right, region: &RegionId, inventory: &Inventory) -> bool {
        let reaches = |scope: &RegionId| {
            inventory.regions.contains_key(scope) && inventory.region_within(region, scope)
        };
        self.standing.lets(right)
            && self
                .grants
                .iter()
                .filter(|grant| right.of(grant.role))
                .any(|grant| grant.region.as_ref().is_none_or(reaches))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        serde_json::from_str(
            r#"{"regions": {"city": {"id": "city", "name": "市"},
                            "east": {"id": "east", "name": "东", "parent": "city"},
                            "west": {"id": "west", "name": "西", "parent": "city"}}}"#,
        )
        .unwrap()
    }

    fn caller(role: Role, region: Option<&str>) -> Caller {
        let region = region.map(|id| RegionId::parse(id).unwrap());
        Caller {
            user: UserId::parse("u").unwrap(),
            name: String::new(),
            grants: vec![Grant { role, region }],
            proved: Utc(0),
            standing: Standing::Account,
        }
    }

    #[test]
    fn a_grant_reaches_downwards_only() {
        let inventory = inventory();
        let east = RegionId::parse("east").unwrap();
        let cases = [(None, true), (Some("city"), true), (Some("east"), true), (Some("west"), false)];
        for (scope, expected) in cases {
            let caller = caller(Role::Technician, scope);
            assert_eq!(caller.may(Right::RunRehearsal, &east, &inventory), expected, "{scope:?}");
        }
        let gone = caller(Role::Technician, Some("gone"));
        assert!(!gone.may(Right::RunRehearsal, &RegionId::parse("gone").unwrap(), &inventory));
    }

    #[test]
    fn a_wallboard_reads_and_a_link_opens_nothing_but_its_checklist() {
        let wall = Caller { standing: Standing::Wallboard, ..caller(Role::Operator, None) };
        let inventory = inventory();
        let east = RegionId::parse("east").unwrap();
        for right in [Right::WatchStreams, Right::ReadIncidents, Right::ReadRehearsal] {
            assert!(wall.has(right) && wall.may(right, &east, &inventory) && wall.has_everywhere(right));
        }
        for right in [
            Right::HandleIncidents,
            Right::RollCall,
            Right::ActOnDevices,
            Right::ViewStreams,
            Right::ReadPeople,
        ] {
            assert!(!wall.has(right) && !wall.may(right, &east, &inventory), "{right:?}");
        }
        let (meeting, venue) = (MeetingId::parse("m").unwrap(), VenueId::parse("east").unwrap());
        let link =
            Caller { standing: Standing::Checklist { meeting, venue }, ..caller(Role::Technician, None) };
        assert!(
            link.has(Right::Checklist) && !link.has(Right::WorkAtVenue) && !link.has(Right::ReadRehearsal)
        );
        let old = Caller { standing: Standing::MustChange, ..caller(Role::Technician, None) };
        assert!(!old.has(Right::RunRehearsal) && !caller(Role::Technician, None).has(Right::Checklist));
    }

    #[test]
    fn the_three_administrators_are_kept_apart() {
        for right in [Right::WriteInventory, Right::ManageUsers, Right::ReadJournal] {
            let holders = Role::ALL.iter().filter(|role| right.of(**role)).count();
            assert_eq!(holders, 1, "{right:?} belongs to one administrator");
        }
    }
}
