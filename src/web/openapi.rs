//! The OpenAPI document: made from the handlers, so that it cannot say something else.

use axum::Json;
use serde_json::Value;
use utoipa::openapi::schema::{KnownFormat, Schema, SchemaFormat};
use utoipa::openapi::{Ref, RefOr, ResponseBuilder, content::ContentBuilder};
use utoipa::{OpenApi, openapi};

use super::api::{
    agents, alarms, checklist, devices, duty, events, health, incidents, inventory, live, media, meetings,
    notices, passes, people, plans, records, replay, rounds, second_factor, session, setup, statistics,
    streams, users, wall,
};
use super::problem::ProblemBody;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "vcops",
        description = "Rehearses, watches and safeguards a government's video conferences"
    ),
    paths(
        health::healthz,
        health::readyz,
        health::metrics,
        show,
        setup::show,
        setup::complete,
        session::show,
        session::open,
        session::close,
        session::open_link,
        session::change_password,
        passes::enter,
        session::prove,
        second_factor::make,
        second_factor::confirm,
        second_factor::take_off,
        users::sessions,
        users::end_sessions,
        passes::wallboards,
        passes::hang,
        passes::take_down,
        passes::links,
        passes::link,
        passes::unlink,
        checklist::show,
        checklist::record,
        checklist::retest,
        users::list,
        users::add,
        users::change,
        users::set_password,
        meetings::list,
        meetings::show,
        meetings::roll_call,
        meetings::consent,
        rounds::list,
        rounds::open,
        rounds::show,
        rounds::show_matrix,
        rounds::form,
        records::round,
        records::meeting,
        records::incident,
        records::incident_list,
        records::statistics,
        rounds::retest,
        rounds::close,
        rounds::waive,
        rounds::room,
        rounds::confirm,
        rounds::sign_off,
        live::follow,
        streams::list,
        streams::thumbnail,
        wall::follow,
        media::view,
        replay::stills,
        replay::still,
        replay::samples,
        devices::list,
        devices::show,
        devices::act,
        devices::decide,
        incidents::list,
        incidents::show,
        incidents::handle,
        incidents::review,
        alarms::list,
        alarms::handle,
        alarms::show_load,
        alarms::sheets,
        plans::list,
        plans::show,
        plans::run,
        plans::ask,
        duty::show,
        duty::ask,
        statistics::show,
        inventory::show,
        inventory::change,
        agents::list,
        agents::invite,
        agents::revoke,
        people::list,
        events::list,
        notices::list,
        notices::test,
    ),
    components(schemas(ProblemBody))
)]
struct Document;

#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health", responses((status = 200, body = Object)))]
/// This document.
pub(super) async fn show() -> Json<Value> {
    Json(serde_json::to_value(document()).expect("the document is plain values"))
}

/// The document. Every operation may also answer with a problem (RFC 9457).
pub fn document() -> openapi::OpenApi {
    let mut document = Document::openapi();
    let problem =
        ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("ProblemBody")))).build();
    let problem =
        ResponseBuilder::new().description("a problem").content("application/problem+json", problem).build();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.operation_id = unique(operation);
            operation.parameters.iter_mut().flatten().for_each(unsigned);
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
        }
    }
    document
}

/// A number that is never negative has 64 bits without a sign: `int64` would end at half of what is taken.
fn unsigned(parameter: &mut RefOr<openapi::path::Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else { return };
    let int64 = SchemaFormat::KnownFormat(KnownFormat::Int64);
    if object.format == Some(int64) && object.minimum.is_some() {
        object.format = Some(SchemaFormat::Custom("uint64".to_owned()));
    }
}

/// `rounds_open`: handlers of different nouns share verbs, and an operation's id must be its own.
fn unique(operation: &openapi::path::Operation) -> Option<String> {
    let noun = operation.tags.as_ref()?.first()?;
    Some(format!("{noun}_{}", operation.operation_id.as_ref()?))
}
