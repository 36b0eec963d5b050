//! Robots of chat groups: WeCom 企业微信 and DingTalk 钉钉.
//!
//! Both answer HTTP 200 to everything and say in the body whether they took it. Both count twenty messages a minute;
//! DingTalk then refuses everything for ten minutes.

pub mod wecom;
pub mod dingtalk;

use serde::Deserialize;

use super::fault::{Class, Code, Fault};
use super::line::Answer;

/// What robots answer.
#[derive(Debug, Deserialize)]
struct Said {
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

/// Reads the answer; 0 is the only success.
fn said(answer: &Answer, means: impl Fn(i64, &str) -> (Class, Code)) -> Result<(), Fault> {
    let said: Said = serde_json::from_slice(&answer.body).map_err(|error| {
        Fault::new(
            Class::Again,
            Code::Shape,
            format!("HTTP {}, not an answer of a robot: {error}", answer.status),
        )
    })?;
    if said.errcode == 0 {
        return Ok(());
    }
    let (class, code) = means(said.errcode, &said.errmsg);
    Err(Fault::new(class, code, format!("errcode {}: {}", said.errcode, said.errmsg)))
}
