//! Answers: pages that act on the button alone, replies handed on by gateways, alerts of others, and their limits.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use tower::ServiceExt as _;
use vcops::domain::lang::Text;
use vcops::domain::notice::{Answer, NoticeKey};
use vcops::notify::alertmanager::OutsideAlert;
use vcops::notify::answer::{CallbackFields, Desk, Inlets, Links, Question, Token, Unanswerable, router};

#[derive(Debug, Default)]
struct Book {
    answers: Mutex<Vec<Answer>>,
    replies: Mutex<Vec<(String, String)>>,
    alerts: Mutex<Vec<OutsideAlert>>,
    full: bool,
}

fn question() -> Question {
    let title = Text::new("主用 <MCU> 失联", "MCU & lost");
    Question { notice: NoticeKey("12-3".into()), title, body: Text::new("正文", "body") }
}

#[async_trait::async_trait]
impl Desk for Book {
    async fn question(&self, _: &Token) -> Result<Question, Unanswerable> {
        if self.answers.lock().unwrap().is_empty() { Ok(question()) } else { Err(Unanswerable::Used) }
    }

    async fn answer(&self, token: &Token, answer: Answer) -> Result<Question, Unanswerable> {
        let asked = self.question(token).await?;
        self.answers.lock().unwrap().push(answer);
        Ok(asked)
    }

    async fn reply(&self, from: &str, text: &str) {
        self.replies.lock().unwrap().push((from.to_owned(), text.to_owned()));
    }

    async fn alerts(&self, alerts: Vec<OutsideAlert>) -> bool {
        self.alerts.lock().unwrap().extend(alerts);
        !self.full
    }
}

struct Door {
    book: Arc<Book>,
    router: Router,
    links: Links,
}

impl Door {
    fn new(book: Book) -> Self {
        let links = Links::new([7; 32], Some("https://hub"));
        let callback = CallbackFields {
            from: "phone".into(),
            text: "msg".into(),
            answer: "{\"code\":0}".into(),
            key: "k3y".to_owned().into(),
        };
        let callbacks = BTreeMap::from([("sms".to_owned(), callback)]);
        let inlets =
            Inlets { links: links.clone(), callbacks, alerts_token: Some("t0ken".to_owned().into()) };
        let book = Arc::new(book);
        Self { router: router(Arc::<Book>::clone(&book), inlets), book, links }
    }

    /// A path of a link that was made here.
    fn link(&self) -> String {
        self.links.make().unwrap().1.strip_prefix("https://hub").unwrap().to_owned()
    }

    async fn ask(&self, method: &str, path: &str, body: &str, bearer: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        if !bearer.is_empty() {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 1))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn opening_a_link_changes_nothing_and_its_button_acts_once() {
    let door = Door::new(Book::default());
    let link = door.link();
    for method in ["GET", "HEAD", "GET"] {
        let (status, page) = door.ask(method, &link, "", "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(method == "HEAD" || page.contains("主用 &lt;MCU&gt; 失联"), "{page}");
    }
    assert!(door.book.answers.lock().unwrap().is_empty(), "a page that was looked at answers nothing");
    let (status, page) = door.ask("POST", &link, "answer=declined", "").await;
    assert_eq!((status, page.contains("已转下一人")), (StatusCode::OK, true));
    let (status, _) = door.ask("POST", &link, "answer=acknowledged", "").await;
    assert_eq!(status, StatusCode::GONE);
    assert_eq!(*door.book.answers.lock().unwrap(), [Answer::Declined]);
}

#[tokio::test]
async fn a_made_up_link_and_an_answer_that_is_none_are_refused() {
    let door = Door::new(Book::default());
    let strangers = Links::new([8; 32], Some("https://hub")).make().unwrap().1;
    for path in
        ["/a/x", "/a/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", strangers.strip_prefix("https://hub").unwrap()]
    {
        assert_eq!(door.ask("GET", path, "", "").await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(door.ask("POST", path, "answer=acknowledged", "").await.0, StatusCode::NOT_FOUND);
    }
    let link = door.link();
    for body in ["", "answer=maybe", "answer"] {
        assert_eq!(door.ask("POST", &link, body, "").await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    assert!(door.book.answers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_gateway_hands_replies_on_in_any_of_its_ways() {
    let door = Door::new(Book::default());
    for (method, path, body) in [
        ("GET", "/sms/sms/k3y?phone=8613800000001&msg=3817", ""),
        ("POST", "/sms/sms/k3y", "phone=13800000001&msg=%E6%94%B6%E5%88%B03817"),
        ("POST", "/sms/sms/k3y", r#"{"phone":13800000001,"msg":"3817 0"}"#),
    ] {
        let answered = door.ask(method, path, body, "").await;
        assert_eq!(answered, (StatusCode::OK, "{\"code\":0}".to_owned()), "{method} {path}");
    }
    let replies = door.book.replies.lock().unwrap().clone();
    let texts: Vec<&str> = replies.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["3817", "收到3817", "3817 0"]);
    for path in ["/sms/sms/wrong?phone=1&msg=1", "/sms/other/k3y?phone=1&msg=1"] {
        assert_eq!(door.ask("GET", path, "", "").await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(door.ask("GET", "/sms/sms/k3y?phone=1", "", "").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(door.book.replies.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn alerts_need_their_token_and_are_asked_for_again_when_there_is_no_room() {
    let body = r#"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"HostDown"},
        "startsAt":"2026-11-28T01:02:03Z","fingerprint":"f1"}]}"#;
    let door = Door::new(Book::default());
    assert_eq!(door.ask("POST", "/alertmanager", body, "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(door.ask("POST", "/alertmanager", body, "other").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(door.ask("POST", "/alertmanager", "{}", "t0ken").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(door.ask("POST", "/alertmanager", body, "t0ken").await.0, StatusCode::OK);
    assert_eq!(door.book.alerts.lock().unwrap()[0].fingerprint, "f1");
    let full = Door::new(Book { full: true, ..Book::default() });
    assert_eq!(full.ask("POST", "/alertmanager", body, "t0ken").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn one_address_may_ask_so_often_and_no_more() {
    let door = Door::new(Book::default());
    let mut refused = 0;
    for _ in 0..70 {
        refused += usize::from(door.ask("GET", "/a/x", "", "").await.0 == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(refused, 10);
}
