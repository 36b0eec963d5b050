//! Statistics of a month or a quarter.
#![expect(unused_qualifications, reason = "the document's macro qualifies the type of the query")]

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Reader;
use crate::domain::actor::Role;
use crate::domain::id::{RegionId, VenueId};
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::{Utc, Window};
use crate::report::statistics::{Desk, Question, Statistics, statistics};
use crate::web::access::{Caller, Right};
use crate::web::account::User;
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// Longest period, in days.
const DAYS_MAX: i32 = 732;
/// So long a request may read the journal before it is told to ask again.
const PATIENCE: Duration = Duration::from_secs(8);

/// Of which time.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Period {
    /// First day, such as `2026-10-01`, in the installation's zone; the first of this month without it.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// Last day, included; today without it.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// The reader's language.
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

impl Period {
    /// First moment and first moment after.
    pub(in crate::web) fn window(&self, now: Utc, zone: &TimeZone) -> Result<Window, Problem> {
        let today = now.timestamp().to_zoned(zone.clone()).date();
        let to = self.to.unwrap_or(today);
        let from = self.from.unwrap_or_else(|| to.first_of_month());
        let bad = || Problem::new(Code::BadRequest).items(vec![format!("from={from}"), format!("to={to}")]);
        let days = (to - from).get_days();
        if to < from || days > DAYS_MAX {
            return Err(bad().detail(
                format!("起止日期须先后有序，且不超过 {DAYS_MAX} 天"),
                format!("the last day must not lie before the first, nor {DAYS_MAX} days after it"),
            ));
        }
        let midnight = |date: Date| {
            let zoned = date.to_zoned(zone.clone()).ok()?;
            Some(Utc::from_timestamp(zoned.timestamp()))
        };
        let after = to.tomorrow().ok().and_then(midnight);
        midnight(from).zip(after).map(|(from, until)| Window { from, until }).ok_or_else(bad)
    }
}

#[utoipa::path(get, path = "/api/v1/statistics", tag = "statistics", params(Period),
    responses((status = 200, body = Statistics)))]
/// Statistics 统计 of a period: first-pass rate, scorecards, times, availability, alarm load, savings. While the
/// journal is read for the first time it answers `busy`: ask again.
pub(in crate::web) async fn show(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Json<Statistics>, Problem> {
    computed(&app, Some(&caller), &period, PATIENCE, lang).await.map(Json)
}

/// The statistics that a caller may see; all of them for the local account.
pub(in crate::web) async fn computed(
    app: &App,
    caller: Option<&Caller>,
    period: &Period,
    patience: Duration,
    lang: Lang,
) -> Result<Statistics, Problem> {
    let now = app.now();
    let window = period.window(now, &app.settings().zone)?;
    let desks = desks(app, caller).await?;
    let history = app.history().read(app.store(), patience).await?;
    let (snapshot, by_hand, caller) = (app.snapshot(), app.settings().by_hand, caller.cloned());
    let count = move || {
        let inventory = &snapshot.inventory;
        let reaches = |venue: &VenueId| match &caller {
            Some(caller) => caller.reaches(Right::ReadIncidents, venue, inventory),
            None => true,
        };
        let sees_all = caller.as_ref().is_none_or(|caller| caller.has_everywhere(Right::ReadIncidents));
        let question = Question {
            period: window,
            now,
            inventory,
            sees: &reaches,
            sees_all,
            desks: &desks,
            by_hand,
            lang,
        };
        statistics(history.chronicle(), &question)
    };
    tokio::task::spawn_blocking(count).await.map_err(|_| Problem::new(Code::Internal))
}

/// Operators and the regions they watch: all for who sees everything, else the caller alone.
async fn desks(app: &App, caller: Option<&Caller>) -> Result<Vec<Desk>, Problem> {
    let snapshot = app.snapshot();
    let users = app.store().users().await?.into_iter().map(User::from_row);
    let shown = |user: &User| match caller {
        Some(caller) => caller.has_everywhere(Right::ReadIncidents) || caller.user == user.id,
        None => true,
    };
    Ok(users
        .filter(|user| !user.disabled)
        .filter(shown)
        .filter_map(|user| desk(user, &snapshot.inventory))
        .collect())
}

fn desk(user: User, inventory: &Inventory) -> Option<Desk> {
    let watched: Vec<Option<RegionId>> = user
        .grants
        .into_iter()
        .filter(|grant| grant.role == Role::Operator)
        .map(|grant| grant.region)
        .collect();
    if watched.is_empty() {
        return None;
    }
    let everywhere = watched.iter().any(Option::is_none);
    let within =
        |region: &&RegionId| watched.iter().flatten().any(|scope| inventory.region_within(region, scope));
    let regions: BTreeSet<RegionId> = inventory.regions.keys().filter(within).cloned().collect();
    Some(Desk { user: user.id, name: user.name, regions: (!everywhere).then_some(regions) })
}
