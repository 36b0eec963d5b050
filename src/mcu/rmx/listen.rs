//! The RMX pushes nothing, but it numbers the states of its list of conferences and tells what is newer than a number.
//! Asking for that every two seconds is cheap, is heard as a push, and keeps the login alive together with the state,
//! which wants to be asked for at least every 15 seconds.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::reply::{self, List};
use super::request::Request;
use super::{Rmx, now};
use crate::mcu::Pushed;
use crate::mcu::fault::Fault;
use crate::mcu::http::Intent;

/// How often the list is asked for.
const PACE: Duration = Duration::from_secs(2);
/// How often the state is asked for, for the sake of the login.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Listens until a request fails, nobody hears any more, or it is told to stop.
pub(super) async fn listen(
    rmx: &Rmx,
    pushed: mpsc::Sender<Pushed>,
    stop: CancellationToken,
) -> Result<(), Fault> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = pushed.closed() => Ok(()),
        ended = follow(rmx, &pushed) => ended,
    }
}

async fn follow(rmx: &Rmx, pushed: &mpsc::Sender<Pushed>) -> Result<(), Fault> {
    // What happened before is not known.
    say(pushed, vec![Pushed::Gap]).await?;
    let mut since = whole(rmx).await?.token;
    let mut kept_alive = Instant::now();
    loop {
        tokio::time::sleep(PACE).await;
        if kept_alive.elapsed() >= KEEP_ALIVE {
            match rmx.ask(&Request::state(), Intent::Read).await {
                Ok(_) | Err(Fault::OverBudget) => {}
                Err(fault) => return Err(fault),
            }
            kept_alive = Instant::now();
        }
        let list = match newer(rmx, since).await {
            // Our own trouble breaks nothing off: the number is kept, and so nothing is lost.
            Err(Fault::OverBudget) => continue,
            read => read?,
        };
        let news = news(&list, since);
        // A number that is lower than one before belongs to another start of the RMX: what it tells is not all.
        since = if list.token < since { whole(rmx).await?.token } else { list.token };
        say(pushed, news).await?;
    }
}

async fn whole(rmx: &Rmx) -> Result<List, Fault> {
    newer(rmx, -1).await
}

async fn newer(rmx: &Rmx, since: i64) -> Result<List, Fault> {
    reply::list(&rmx.ask(&Request::list(since), Intent::Read).await?, now())
}

fn news(list: &List, since: i64) -> Vec<Pushed> {
    if list.token < since {
        return vec![Pushed::Alive, Pushed::Gap];
    }
    let mut news = vec![Pushed::Alive];
    // What is told a second time under the same number is known.
    if list.changed && list.token > since {
        let named = list.touched.iter().chain(&list.deleted).cloned().map(Some);
        news.extend(named.map(Pushed::Changed));
        if news.len() == 1 {
            news.push(Pushed::Changed(None));
        }
    }
    news
}

/// Whoever listens has gone: that is no fault, and [`listen`] ends by itself.
async fn say(pushed: &mpsc::Sender<Pushed>, news: Vec<Pushed>) -> Result<(), Fault> {
    for each in news {
        if pushed.send(each).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mcu::ConferenceRef;

    #[test]
    fn what_is_newer_is_named_and_a_lower_number_is_a_gap() {
        let list = |token, changed, touched: &[&str], deleted: &[&str]| List {
            token,
            changed,
            conferences: Vec::new(),
            touched: touched.iter().map(|id| ConferenceRef::new(id)).collect(),
            deleted: deleted.iter().map(|id| ConferenceRef::new(id)).collect(),
        };
        let changed = |id: &str| Pushed::Changed(Some(ConferenceRef::new(id)));
        assert_eq!(news(&list(7, false, &[], &[]), 7), [Pushed::Alive]);
        assert_eq!(news(&list(7, true, &["1"], &[]), 7), [Pushed::Alive], "told twice");
        assert_eq!(news(&list(8, true, &["1"], &["2"]), 7), [Pushed::Alive, changed("1"), changed("2")]);
        assert_eq!(news(&list(8, true, &[], &[]), 7), [Pushed::Alive, Pushed::Changed(None)]);
        assert_eq!(news(&list(3, false, &[], &[]), 7), [Pushed::Alive, Pushed::Gap]);
    }
}
