//! Passes: tokens that open one thing without an account. A wallboard reads its region's wall and nothing else; the
//! link of a county opens one venue's checklist in one meeting. The token is 256 random bits of which only the hash is
//! kept, so there is nothing in it to forge, and taking it back works at the next request.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Caller, Standing};
use super::app::App;
use super::problem::Problem;
use super::token::{Token, TokenHash};
use crate::domain::actor::{Actor, Grant, Role};
use crate::domain::id::{MeetingId, RegionId, UserId, VenueId};
use crate::domain::time::{Span, Utc};
use crate::store::pass::Pass;

/// How the journal names a wallboard: no user may be called so.
pub(super) const WALL: &str = "wall.";
/// How the journal names a county's link.
pub(super) const LINK: &str = "link.";
/// The use of a pass is written at most this often.
const TOUCH: Span = Span::minutes(1);

/// What a pass opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "opens", rename_all = "snake_case")]
pub(crate) enum Opens {
    /// The wall of a region, to be read.
    Wallboard {
        /// Which; everything without.
        #[schema(value_type = Option<String>)]
        region: Option<RegionId>,
    },
    /// The checklist of a venue.
    Checklist {
        /// In which meeting.
        #[schema(value_type = String)]
        meeting: MeetingId,
        /// Which venue.
        #[schema(value_type = String)]
        venue: VenueId,
    },
}

/// A pass with its token, shown once.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) token: Token,
    pub(super) expires: Utc,
}

/// Makes a pass and journals it.
pub(super) async fn make(
    app: &App,
    actor: Actor,
    opens: &Opens,
    name: String,
    life: Span,
) -> Result<Made, Problem> {
    let token = Token::random();
    let prefix = match opens {
        Opens::Wallboard { .. } => WALL,
        Opens::Checklist { .. } => LINK,
    };
    let id = format!("{prefix}{}", hex::encode(rand::random::<[u8; 5]>()));
    let (made, expires) = (app.now(), app.now() + life);
    let pass = Pass {
        id: id.clone(),
        token_hash: token.hash().0,
        name,
        opens: serde_json::value::to_raw_value(opens).expect("ids are texts"),
        made_by: actor.to_string(),
        made,
        expires,
        revoked: None,
        used: None,
    };
    app.store().put_pass(&pass).await?;
    app.record_identity(actor, "pass_made", &described(&pass, opens)).await;
    Ok(Made { id, token, expires })
}

/// The pass of a token, with what it opens, if it is good. Notes its use once a minute.
pub(super) async fn good(app: &App, token: &TokenHash) -> Result<Option<(Pass, Opens)>, Problem> {
    let now = app.now();
    let Some(pass) = app.store().pass(&token.0, now).await? else { return Ok(None) };
    let Some(opens) = opens(&pass) else { return Ok(None) };
    if pass.used.is_none_or(|used| now.since(used) >= TOUCH) {
        app.store().touch_pass(&pass.id, now).await?;
    }
    Ok(Some((pass, opens)))
}

/// What a pass opens. One that this program cannot read opens nothing.
pub(super) fn opens(pass: &Pass) -> Option<Opens> {
    let read = serde_json::from_str(pass.opens.get());
    read.inspect_err(
        |error| tracing::error!(pass = pass.id, %error, "a pass cannot be read; it opens nothing"),
    )
    .ok()
}

/// Who comes with a pass.
pub(super) fn caller(pass: &Pass, opens: Opens) -> Option<Caller> {
    let user = UserId::parse(&pass.id).ok()?;
    let (grants, standing) = match opens {
        Opens::Wallboard { region } => (vec![Grant { role: Role::Operator, region }], Standing::Wallboard),
        Opens::Checklist { meeting, venue } => (Vec::new(), Standing::Checklist { meeting, venue }),
    };
    Some(Caller { user, name: pass.name.clone(), grants, proved: Utc(0), standing })
}

/// A pass for the journal.
pub(super) fn described(pass: &Pass, opens: &Opens) -> String {
    match opens {
        Opens::Wallboard { region } => {
            let region = region.as_ref().map_or("*", |region| region.as_str());
            format!("{} wallboard@{region}", pass.id)
        }
        Opens::Checklist { meeting, venue } => format!("{} checklist {meeting}/{venue}", pass.id),
    }
}

/// Whether a name is kept for passes.
pub(super) fn is_reserved(user: &UserId) -> bool {
    user.as_str().starts_with(WALL) || user.as_str().starts_with(LINK)
}
