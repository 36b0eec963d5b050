//! Channels of notices: which there are, and a test of one.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::{Body, Page};
use crate::domain::actor::Actor;
use crate::domain::id::{ChannelId, PersonId};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::ports::{ChannelShown, ChannelTest};
use crate::web::problem::{Code, Problem};

/// To whom a test goes.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannelTest {
    /// A person, where the channel reaches persons.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestShown {
    /// Which channel.
    #[schema(value_type = String)]
    pub channel: ChannelId,
    /// 平台已受理: the far side took it; that anybody read it is not known.
    pub accepted: bool,
    /// Stable word of what went wrong, such as `notify.tls`.
    pub code: Option<String>,
    /// The same in words, without secrets.
    pub detail: Option<String>,
}

#[utoipa::path(get, path = "/api/v1/channels", tag = "notices",
    responses((status = 200, body = Page<ChannelShown>)))]
/// The channels of the settings.
pub(in crate::web) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Page<ChannelShown>>, Problem> {
    demand(&caller)?;
    let items = app.ports().notices.channels.to_vec();
    Ok(Json(Page { items, next_after: None }))
}

#[utoipa::path(post, path = "/api/v1/channels/{id}/test", tag = "notices", params(("id" = String, Path)),
    request_body = NewChannelTest, responses((status = 200, body = TestShown)))]
/// Sends a message that says that it is a test. That it failed is an answer too.
pub(in crate::web) async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ChannelId>,
    Body(new): Body<NewChannelTest>,
) -> Result<Json<TestShown>, Problem> {
    demand(&caller)?;
    tested(&app, caller.actor(), id, new).await.map(Json)
}

/// Tests on behalf of `actor`, whose right was checked.
pub(in crate::web) async fn tested(
    app: &App,
    actor: Actor,
    channel: ChannelId,
    new: NewChannelTest,
) -> Result<TestShown, Problem> {
    let door = &app.ports().notices;
    if !door.channels.iter().any(|shown| shown.id == channel) {
        return Err(Problem::new(Code::NotFound).items(vec![channel.to_string()]));
    }
    let (reply, answered) = oneshot::channel();
    let test = ChannelTest { channel: channel.clone(), person: new.person, reply };
    door.tests.try_send(test).map_err(|_| Problem::new(Code::Busy))?;
    let came = answered.await.map_err(|_| Problem::new(Code::Busy))?;
    let fault = came.err();
    let word = fault.as_ref().map_or("accepted", |(code, _)| code.as_str());
    app.record_identity(actor, "channel_tested", &format!("{channel}: {word}")).await;
    let (code, detail) = fault.unzip();
    Ok(TestShown { channel, accepted: code.is_none(), code, detail })
}

fn demand(caller: &Caller) -> Result<(), Problem> {
    match caller.has_everywhere(Right::TestChannels) {
        true => Ok(()),
        false => Err(Problem::new(Code::Forbidden)),
    }
}
