//! MCUs, endpoints and other devices: how they are, what is in their conferences, and orders to them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::{Body, Done, Page, Reader};
use crate::domain::actor::Actor;
use crate::domain::id::{EndpointId, EquipmentId, McuId, RegionId};
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::mcu::Interface;
use crate::domain::time::{Span, Utc};
use crate::engine::effect::{Outcome, Preview};
use crate::engine::input::Command;
use crate::observation::action::{Action, ActionKey, Plan};
use crate::observation::device::{Device, DeviceReport, Presence, Sight};
use crate::report::{Snapshot, sight};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::ports::{DeviceRequest, NoPlan};
use crate::web::problem::{Code, Problem};

/// Longest wait for a plan: it is pure.
const PLAN_WITHIN: Span = Span::seconds(2);

/// A device in a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DeviceShown {
    /// `mcus`, `endpoints` or `equipment`.
    pub(in crate::web) kind: String,
    /// Identifier.
    pub(in crate::web) id: String,
    /// Shown name.
    pub(in crate::web) name: String,
    /// Its interface; none for one that is not spoken to.
    #[schema(value_type = Option<String>)]
    interface: Option<Interface>,
    /// Whether it can be seen; blind says nothing about the device, down takes two signals.
    #[schema(value_type = Object)]
    sight: Sight,
    /// The same in words.
    sight_text: String,
    /// Since when; none while nothing was heard.
    #[schema(value_type = Option<String>)]
    since: Option<Utc>,
    /// Its own alarms.
    alarms: usize,
    /// Sites that its signalling calls connected. That says nothing about their media.
    connected: usize,
}

/// An order to a device.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAction {
    /// What.
    #[schema(value_type = Object)]
    pub(in crate::web) action: Action,
    /// Why; must not be empty.
    pub(in crate::web) why: String,
    /// Only say what it would touch and send; nothing is ordered.
    #[serde(default)]
    pub(in crate::web) dry_run: bool,
}

/// What became of an order, or what would.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ActionShown {
    /// The order's key; its end is a journal entry under it. None after a dry run.
    #[schema(value_type = Option<String>)]
    pub(in crate::web) key: Option<ActionKey>,
    /// What it would touch, by the engine.
    #[schema(value_type = Option<Object>)]
    pub(in crate::web) preview: Option<Preview>,
    /// What would be sent, by the adapter, without secrets.
    #[schema(value_type = Option<Object>)]
    pub(in crate::web) plan: Option<Plan>,
}

/// What somebody found who looked after an order whose outcome nobody knew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// Whether it happened.
    happened: bool,
}

#[utoipa::path(get, path = "/api/v1/devices", tag = "devices",
    responses((status = 200, body = Page<DeviceShown>)))]
/// The devices of the caller's regions.
pub(in crate::web) async fn list(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
) -> Json<Page<DeviceShown>> {
    let snapshot = app.snapshot();
    let mut items = shown(&app, &snapshot, lang);
    items.retain(|item| {
        let device = parse(&item.kind, &item.id);
        device.is_ok_and(|device| reaches(&caller, Right::WatchStreams, &device, &snapshot.inventory))
    });
    Json(Page { items, next_after: None })
}

#[utoipa::path(get, path = "/api/v1/devices/{kind}/{id}", tag = "devices",
    params(("kind" = String, Path), ("id" = String, Path)), responses((status = 200, body = Object)))]
/// Everything that a device said last: health, capacity, alarms, conferences with their sites and media.
pub(in crate::web) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Json<DeviceReport>, Problem> {
    let device = parse(&kind, &id)?;
    demand(&caller, Right::WatchStreams, &device, &app.snapshot().inventory)?;
    report(&app, &device).map(Json)
}

#[utoipa::path(post, path = "/api/v1/devices/{kind}/{id}/actions", tag = "devices",
    params(("kind" = String, Path), ("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = NewAction, responses((status = 200, body = ActionShown)))]
/// Has a device do something, at most once. A request that is sent again under the same `Idempotency-Key` gets the
/// answer of the first.
pub(in crate::web) async fn act(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
    Body(new): Body<NewAction>,
) -> Result<Json<ActionShown>, Problem> {
    let device = parse(&kind, &id)?;
    demand(&caller, Right::ActOnDevices, &device, &app.snapshot().inventory)?;
    if !new.dry_run {
        caller.demand_proof(&app)?;
    }
    let key = headers.get("idempotency-key");
    let request = key.map(|key| request_name(&caller, &device, key.as_bytes()));
    order(&app, caller.actor(), device, new, request).await.map(Json)
}

/// Names a request by its caller's own key; nobody else's key is the same, and none is too long for the journal.
fn request_name(caller: &Caller, device: &Device, key: &[u8]) -> String {
    let whose = format!("{} {device} ", caller.user);
    hex::encode(Sha256::new().chain_update(whose).chain_update(key).finalize())
}

#[utoipa::path(post, path = "/api/v1/actions/{key}/decision", tag = "devices", params(("key" = String, Path)),
    request_body = Decision, responses((status = 200, body = Done)))]
/// Says whether an action happened of which nobody knew.
pub(in crate::web) async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(key): Path<String>,
    Body(decision): Body<Decision>,
) -> Result<Json<Done>, Problem> {
    if !caller.has_everywhere(Right::ActOnDevices) {
        return Err(Problem::new(Code::Forbidden));
    }
    let command = Command::DecideAction { key: ActionKey(key), happened: decision.happened };
    app.command(caller.actor(), command).await?;
    Ok(Done::YES)
}

/// Gives an order, or says what it would do.
pub(in crate::web) async fn order(
    app: &App,
    actor: Actor,
    device: Device,
    new: NewAction,
    request: Option<String>,
) -> Result<ActionShown, Problem> {
    let NewAction { action, why, dry_run } = new;
    // The engine's refusals come first: they are about harm, the adapter's about ability.
    let command = Command::Act { device: device.clone(), action: action.clone(), why, dry_run, request };
    let (key, preview) = match app.command(actor, command).await? {
        Outcome::Ordered(key) => (Some(key), None),
        Outcome::WouldDo(preview) => (None, Some(*preview)),
        Outcome::Done
        | Outcome::Round(_)
        | Outcome::Version(_)
        | Outcome::Incident(_)
        | Outcome::Refused(_) => {
            return Err(Problem::new(Code::Internal));
        }
    };
    let plan = if dry_run { Some(plan(app, device, action).await?) } else { None };
    Ok(ActionShown { key, preview, plan })
}

async fn plan(app: &App, device: Device, action: Action) -> Result<Plan, Problem> {
    let (reply, answer) = oneshot::channel();
    let request = DeviceRequest::Plan { device, action, reply };
    let busy = || Problem::new(Code::Busy).retry_after(Span::seconds(1));
    app.ports().devices.requests.try_send(request).map_err(|_| busy())?;
    let answer = tokio::time::timeout(PLAN_WITHIN.std(), answer).await.map_err(|_| busy())?;
    answer.map_err(|_| busy())?.map_err(no_plan)
}

fn no_plan(why: NoPlan) -> Problem {
    match why {
        NoPlan::NotSpokenTo => Problem::new(Code::NotSpokenTo),
        NoPlan::NotSeen => Problem::new(Code::NotSeen).retry_after(Span::seconds(5)),
        NoPlan::Refused(refused) => {
            let code = serde_json::to_value(&refused).unwrap_or_default();
            let word = code.get("code").and_then(|it| it.as_str()).unwrap_or_default().to_owned();
            Problem::new(Code::NotPlanned).items(vec![word])
        }
    }
}

/// What a device said last, for somebody who may see it; it is read anew meanwhile.
pub(in crate::web) fn report(app: &App, device: &Device) -> Result<DeviceReport, Problem> {
    let door = &app.ports().devices;
    // One that finds no room is read in its turn.
    let _ = door.requests.try_send(DeviceRequest::Look { device: device.clone() });
    let found = door.board.borrow().get(device).cloned();
    found.map(|report| (*report).clone()).ok_or_else(|| Problem::new(Code::NotSeen))
}

/// Every device of the inventory.
pub(in crate::web) fn shown(app: &App, snapshot: &Snapshot, lang: Lang) -> Vec<DeviceShown> {
    let inventory = &snapshot.inventory;
    let board = app.ports().devices.board.borrow().clone();
    let row = |kind: &str, device: Device, name: &str, interface: Option<Interface>| {
        let report = board.get(&device);
        let seen = report.map_or(Sight::Unknown, |report| report.sight);
        let sites = report.iter().flat_map(|report| &report.conferences).flat_map(|it| &it.present);
        DeviceShown {
            kind: kind.to_owned(),
            id: id_of(&device).to_owned(),
            name: name.to_owned(),
            interface,
            sight: seen,
            sight_text: sight(&seen, lang),
            since: report.map(|report| report.since),
            alarms: report.map_or(0, |report| report.alarms.len()),
            connected: sites.filter(|site| site.presence == Presence::Connected).count(),
        }
    };
    let mcus = inventory.mcus.values().map(|it| {
        row("mcus", Device::Mcu(it.id.clone()), &it.name, it.control.as_ref().map(|it| it.interface))
    });
    let endpoints = inventory.endpoints.values().map(|it| {
        row(
            "endpoints",
            Device::Endpoint(it.id.clone()),
            &it.name,
            it.control.as_ref().map(|it| it.interface),
        )
    });
    let equipment = inventory.equipment.values().map(|it| {
        row(
            "equipment",
            Device::Equipment(it.id.clone()),
            &it.name,
            it.control.as_ref().map(|it| it.interface),
        )
    });
    mcus.chain(endpoints).chain(equipment).collect()
}

fn id_of(device: &Device) -> &str {
    match device {
        Device::Mcu(id) => id.as_str(),
        Device::Endpoint(id) => id.as_str(),
        Device::Equipment(id) => id.as_str(),
    }
}

/// A device by the two parts of its path.
pub(in crate::web) fn parse(kind: &str, id: &str) -> Result<Device, Problem> {
    let device = match kind {
        "mcus" => McuId::parse(id).ok().map(Device::Mcu),
        "endpoints" => EndpointId::parse(id).ok().map(Device::Endpoint),
        "equipment" => EquipmentId::parse(id).ok().map(Device::Equipment),
        _ => None,
    };
    device.ok_or_else(|| Problem::new(Code::NotFound).items(vec![format!("{kind}/{id}")]))
}

/// Refuses unless the right reaches the device; to whom may not even see it, it does not exist.
fn demand(caller: &Caller, right: Right, device: &Device, inventory: &Inventory) -> Result<(), Problem> {
    let missing = || Problem::new(Code::NotFound).items(vec![device.to_string()]);
    region(device, inventory).ok_or_else(missing)?;
    if !reaches(caller, Right::WatchStreams, device, inventory) {
        return Err(missing());
    }
    if reaches(caller, right, device, inventory) { Ok(()) } else { Err(Problem::new(Code::Forbidden)) }
}

fn reaches(caller: &Caller, right: Right, device: &Device, inventory: &Inventory) -> bool {
    region(device, inventory).is_some_and(|region| caller.may(right, region, inventory))
}

/// Where a device belongs: an endpoint to its venue's region.
fn region<'a>(device: &Device, inventory: &'a Inventory) -> Option<&'a RegionId> {
    match device {
        Device::Mcu(id) => inventory.mcus.get(id).map(|mcu| &mcu.region),
        Device::Endpoint(id) => {
            let venue = &inventory.endpoints.get(id)?.venue;
            inventory.venues.get(venue).map(|venue| &venue.region)
        }
        Device::Equipment(id) => inventory.equipment.get(id).map(|it| &it.region),
    }
}
