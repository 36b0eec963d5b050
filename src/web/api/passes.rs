//! Wallboards and links of counties: making them, taking them back, coming in with one.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::session::set_cookie;
use super::{Body, Done, Page};
use crate::domain::id::{MeetingId, RegionId, VenueId};
use crate::domain::inventory::Inventory;
use crate::domain::time::{Span, Utc};
use crate::store::pass::Pass;
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::guard::Peer;
use crate::web::pass::{self, LINK, Made, Opens, WALL, described};
use crate::web::problem::{Code, Problem};
use crate::web::token::{Secret, TokenHash};

/// Longest life of a county's link, hours.
const LINK_HOURS_MAX: u32 = 14 * 24;
/// Longest name, characters.
const NAME_MAX: usize = 80;

/// A token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PassToken {
    /// What the link or the device holds.
    #[schema(value_type = String, format = Password)]
    token: Secret,
}

/// A new wallboard.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWallboard {
    /// Where it hangs.
    name: String,
    /// What it shows; everything without.
    #[schema(value_type = Option<String>)]
    region: Option<RegionId>,
}

/// A new link for a county.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLink {
    /// Which venue.
    #[schema(value_type = String)]
    venue: VenueId,
    /// For how many hours, at most 336.
    #[schema(minimum = 1, maximum = 336)]
    hours: u32,
}

/// A pass, without its token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PassShown {
    /// Its name in the journal.
    id: String,
    /// For whom or what.
    name: String,
    /// What it opens.
    #[serde(flatten)]
    opens: Opens,
    /// Who made it.
    made_by: String,
    /// When.
    #[schema(value_type = String)]
    made: Utc,
    /// Worthless from then on.
    #[schema(value_type = String)]
    expires: Utc,
    /// When it was taken back.
    #[schema(value_type = Option<String>)]
    revoked: Option<Utc>,
    /// When it was used last, to the minute.
    #[schema(value_type = Option<String>)]
    used: Option<Utc>,
}

/// A new pass: its token is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct PassMade {
    /// Its name in the journal.
    id: String,
    /// What the link or the device is to hold: open the page with `/?pass=` and this.
    token: String,
    /// Worthless from then on.
    #[schema(value_type = String)]
    expires: Utc,
}

impl std::fmt::Debug for PassMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PassMade").field("id", &self.id).finish_non_exhaustive()
    }
}

impl From<Made> for PassMade {
    fn from(made: Made) -> Self {
        Self { id: made.id, token: made.token.reveal().to_owned(), expires: made.expires }
    }
}

#[utoipa::path(post, path = "/api/v1/session/pass", tag = "session", request_body = PassToken,
    responses((status = 200, body = PassShown)))]
/// Comes in with a pass: a wallboard's token or a county's link. Sets the cookie; what may be done follows from it.
pub(in crate::web) async fn enter(
    State(app): State<App>,
    peer: Peer,
    Body(given): Body<PassToken>,
) -> Result<Response, Problem> {
    let token = TokenHash::of(given.token.reveal());
    let found = pass::good(&app, &token).await?;
    let (pass, opens) = found.ok_or_else(|| Problem::new(Code::BadToken))?;
    let caller = pass::caller(&pass, opens.clone()).ok_or_else(|| Problem::new(Code::BadToken))?;
    let subject = format!("{} from {}", described(&pass, &opens), peer.address);
    app.record_identity(caller.actor(), "pass_used", &subject).await;
    let seconds = pass.expires.since(app.now()).0 / 1_000_000;
    let cookie = set_cookie(&app, given.token.reveal(), seconds);
    Ok(([(SET_COOKIE, cookie)], Json(shown(pass, opens))).into_response())
}

#[utoipa::path(get, path = "/api/v1/wallboards", tag = "passes",
    responses((status = 200, body = Page<PassShown>)))]
/// Wallboards within the caller's regions, those that are over as well.
pub(in crate::web) async fn wallboards(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Page<PassShown>>, Problem> {
    let snapshot = app.snapshot();
    let mine = |opens: &Opens| may_hang(&caller, opens, &snapshot.inventory);
    Ok(Json(Page { items: all(&app, mine).await?, next_after: None }))
}

#[utoipa::path(post, path = "/api/v1/wallboards", tag = "passes", request_body = NewWallboard,
    responses((status = 200, body = PassMade)))]
/// Makes a token for a wallboard: it reads the wall of one region and can do nothing.
pub(in crate::web) async fn hang(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewWallboard>,
) -> Result<Json<PassMade>, Problem> {
    let opens = Opens::Wallboard { region: new.region };
    if !may_hang(&caller, &opens, &app.snapshot().inventory) {
        return Err(Problem::new(Code::Forbidden));
    }
    caller.demand_proof(&app)?;
    let life = Span::minutes(u64::from(app.settings().accounts.wallboard_days) * 24 * 60);
    let made = pass::make(&app, caller.actor(), &opens, named(&new.name)?, life).await?;
    Ok(Json(made.into()))
}

#[utoipa::path(delete, path = "/api/v1/wallboards/{id}", tag = "passes", params(("id" = String, Path)),
    responses((status = 200, body = Done)))]
/// Takes a wallboard's token back; it is worthless at its next request.
pub(in crate::web) async fn take_down(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    revoke(&app, &caller, &id, WALL, |opens| may_hang(&caller, opens, &snapshot.inventory)).await
}

#[utoipa::path(get, path = "/api/v1/meetings/{id}/links", tag = "passes", params(("id" = String, Path)),
    responses((status = 200, body = Page<PassShown>)))]
/// Links 县级自检链接 of a meeting, those that are over as well.
pub(in crate::web) async fn links(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<MeetingId>,
) -> Result<Json<Page<PassShown>>, Problem> {
    let snapshot = app.snapshot();
    super::meetings::find(&caller, &id, &snapshot)?;
    let mine = |opens: &Opens| match opens {
        Opens::Checklist { meeting, venue } => {
            *meeting == id && may_link(&caller, venue, &snapshot.inventory)
        }
        Opens::Wallboard { .. } => false,
    };
    Ok(Json(Page { items: all(&app, mine).await?, next_after: None }))
}

#[utoipa::path(post, path = "/api/v1/meetings/{id}/links", tag = "passes", params(("id" = String, Path)),
    request_body = NewLink, responses((status = 200, body = PassMade)))]
/// Makes a link 县级自检链接 with which a venue's own people fill in its checklist, without an account.
pub(in crate::web) async fn link(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<MeetingId>,
    Body(new): Body<NewLink>,
) -> Result<Json<PassMade>, Problem> {
    let snapshot = app.snapshot();
    let meeting = super::meetings::find(&caller, &id, &snapshot)?;
    caller.demand(Right::RunRehearsal, [&new.venue], &snapshot.inventory)?;
    if !meeting.all_venues().any(|venue| *venue == new.venue) {
        return Err(Problem::new(Code::NotFound).items(vec![new.venue.to_string()]));
    }
    if !(1..=LINK_HOURS_MAX).contains(&new.hours) {
        return Err(Problem::new(Code::TooLong).items(vec![format!("hours={}", new.hours)]));
    }
    let name = snapshot.inventory.venues.get(&new.venue).map_or_else(String::new, |venue| venue.name.clone());
    let opens = Opens::Checklist { meeting: id, venue: new.venue };
    let life = Span::minutes(u64::from(new.hours) * 60);
    Ok(Json(pass::make(&app, caller.actor(), &opens, name, life).await?.into()))
}

#[utoipa::path(delete, path = "/api/v1/links/{id}", tag = "passes", params(("id" = String, Path)),
    responses((status = 200, body = Done)))]
/// Takes a county's link back.
pub(in crate::web) async fn unlink(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let mine = |opens: &Opens| match opens {
        Opens::Checklist { venue, .. } => may_link(&caller, venue, &snapshot.inventory),
        Opens::Wallboard { .. } => false,
    };
    revoke(&app, &caller, &id, LINK, mine).await
}

async fn revoke(
    app: &App,
    caller: &Caller,
    id: &str,
    prefix: &str,
    mine: impl Fn(&Opens) -> bool,
) -> Result<Json<Done>, Problem> {
    let missing = || Problem::new(Code::NotFound).items(vec![id.to_owned()]);
    let passes = app.store().passes().await?;
    let found = passes.iter().find(|pass| pass.id == id && id.starts_with(prefix)).ok_or_else(missing)?;
    let opens = pass::opens(found).filter(|opens| mine(opens)).ok_or_else(missing)?;
    app.store().revoke_pass(id, app.now()).await?;
    app.record_identity(caller.actor(), "pass_revoked", &described(found, &opens)).await;
    Ok(Done::YES)
}

async fn all(app: &App, mine: impl Fn(&Opens) -> bool) -> Result<Vec<PassShown>, Problem> {
    let passes = app.store().passes().await?.into_iter();
    let read = passes.filter_map(|pass| pass::opens(&pass).map(|opens| (pass, opens)));
    Ok(read.filter(|(_, opens)| mine(opens)).map(|(pass, opens)| shown(pass, opens)).collect())
}

/// Whether a caller manages the wallboards of a region.
fn may_hang(caller: &Caller, opens: &Opens, inventory: &Inventory) -> bool {
    match opens {
        Opens::Wallboard { region: Some(region) } => caller.may(Right::ManageUsers, region, inventory),
        Opens::Wallboard { region: None } => caller.has_everywhere(Right::ManageUsers),
        Opens::Checklist { .. } => false,
    }
}

fn may_link(caller: &Caller, venue: &VenueId, inventory: &Inventory) -> bool {
    caller.reaches(Right::RunRehearsal, venue, inventory)
}

fn named(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return Err(Problem::new(Code::Empty).items(vec!["name".to_owned()]));
    }
    Ok(name.to_owned())
}

fn shown(pass: Pass, opens: Opens) -> PassShown {
    PassShown {
        id: pass.id,
        name: pass.name,
        opens,
        made_by: pass.made_by,
        made: pass.made,
        expires: pass.expires,
        revoked: pass.revoked,
        used: pass.used,
    }
}
