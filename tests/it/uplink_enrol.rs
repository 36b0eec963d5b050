//! Enrolment over real TLS: good, wrong certificate, used, expired and unknown tokens, rotation.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum_server::tls_rustls::RustlsConfig;
use vcops::domain::id::AgentId;
use vcops::domain::time::Span;
use vcops::uplink::client::Membership;
use vcops::uplink::clock::utc_now;
use vcops::uplink::enrol::client::{EnrolAddress, EnrolError, enrol, rotate};
use vcops::uplink::enrol::server::{Claim, Registry, Rotation, router};
use vcops::uplink::enrol::{Refusal, Token, TokenRecord, tls_pin};
use vcops::uplink::key::{KeyId, PublicKey, SecretKey};

use crate::uplink_rig::{access, agent_id, venue};

/// Tokens and keys in memory.
struct Memory {
    controller: PublicKey,
    tokens: Mutex<Vec<TokenRecord>>,
    keys: Mutex<BTreeMap<AgentId, PublicKey>>,
}

impl Memory {
    fn membership(&self, agent: AgentId) -> Membership {
        let broker = access(([127, 0, 0, 1], 1883).into(), None);
        Membership { agent, venue: venue(0), controller: self.controller, broker }
    }
}

impl Registry for Memory {
    async fn enrol(&self, claim: Claim) -> Result<Membership, Refusal> {
        let mut tokens = self.tokens.lock().unwrap();
        let record = tokens.iter_mut().find(|t| t.hash.matches(&claim.token)).ok_or(Refusal::UnknownToken)?;
        record.claim(KeyId::of(&claim.key), claim.at)?;
        self.keys.lock().unwrap().insert(record.agent.clone(), claim.key);
        Ok(self.membership(record.agent.clone()))
    }

    async fn key_of(&self, agent: &AgentId, key: KeyId) -> Option<PublicKey> {
        self.keys.lock().unwrap().get(agent).copied().filter(|known| KeyId::of(known) == key)
    }

    async fn rotate(&self, rotation: Rotation) -> Result<Membership, Refusal> {
        self.keys.lock().unwrap().insert(rotation.agent.clone(), rotation.new);
        Ok(self.membership(rotation.agent))
    }
}

struct Server {
    address: SocketAddr,
    pin: [u8; 32],
    controller: SecretKey,
    memory: Arc<Memory>,
}

fn serve() -> Server {
    let controller = SecretKey::generate();
    let tls = rcgen::generate_simple_self_signed(vec!["controller".into()]).unwrap();
    let pin = tls_pin(tls.cert.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![tls.cert.der().clone()], tls.signing_key.serialize_der().try_into().unwrap())
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (tokens, keys) = (Mutex::default(), Mutex::default());
    let memory = Arc::new(Memory { controller: *controller.public(), tokens, keys });
    let app = router(Arc::clone(&memory)).into_make_service_with_connect_info::<SocketAddr>();
    let tls = RustlsConfig::from_config(Arc::new(config));
    let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
    tokio::spawn(async move { server.serve(app).await });
    Server { address, pin, controller, memory }
}

impl Server {
    /// A token for `agent` that lives for `life`.
    fn issue(&self, agent: usize, life: Span) -> Token {
        let token = Token::issue(self.pin, self.controller.public().fingerprint());
        let expires = utc_now() + life;
        let record = TokenRecord {
            hash: token.hash(),
            agent: agent_id(agent),
            venue: venue(agent),
            expires,
            used_by: None,
        };
        self.memory.tokens.lock().unwrap().push(record);
        token
    }

    async fn enrol(&self, token: &Token, key: &SecretKey) -> Result<(Membership, EnrolAddress), EnrolError> {
        enrol("127.0.0.1", self.address.port(), token, key).await
    }
}

fn code(result: Result<(Membership, EnrolAddress), EnrolError>) -> String {
    match result.unwrap_err() {
        EnrolError::Refused { code, .. } => code,
        other @ (EnrolError::Unreachable { .. }
        | EnrolError::WrongCertificate
        | EnrolError::WrongKey
        | EnrolError::Broken(_)) => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_enrols_one_key_and_the_old_key_can_name_the_next() {
    let server = serve();
    let (key, thief) = (SecretKey::generate(), SecretKey::generate());
    let token = server.issue(0, Span::minutes(10));
    let printed = Token::parse(&token.reveal()).unwrap();
    let (membership, address) = server.enrol(&printed, &key).await.unwrap();
    assert_eq!((membership.agent.clone(), membership.controller), (agent_id(0), *server.controller.public()));
    server.enrol(&token, &key).await.unwrap();
    assert_eq!(code(server.enrol(&token, &thief).await), "enrol.used_token");

    let next = SecretKey::generate();
    let again = rotate(&address, &membership, &key, &next).await.unwrap();
    assert_eq!(again.agent, agent_id(0));
    let stale = rotate(&address, &membership, &key, &thief).await.unwrap_err();
    assert_eq!(
        stale.to_string(),
        "主控拒绝 / refused by the controller (enrol.unknown_key): 密钥未注册或已吊销 / key is not enrolled or is revoked"
    );
}

#[tokio::test]
async fn expired_unknown_and_foreign_tokens_are_refused() {
    let server = serve();
    let key = SecretKey::generate();
    let expired = server.issue(0, Span::ZERO);
    assert_eq!(code(server.enrol(&expired, &key).await), "enrol.expired_token");
    let unknown = Token::issue(server.pin, server.controller.public().fingerprint());
    assert_eq!(code(server.enrol(&unknown, &key).await), "enrol.unknown_token");
    let elsewhere = Token::issue([9; 32], server.controller.public().fingerprint());
    assert!(matches!(server.enrol(&elsewhere, &key).await, Err(EnrolError::WrongCertificate)));
    let mut other_key = server.issue(0, Span::minutes(1));
    other_key.key_pin = [9; 32];
    assert!(matches!(server.enrol(&other_key, &key).await, Err(EnrolError::WrongKey)));
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = serve();
    let key = SecretKey::generate();
    let guesses = (0..40).map(|_| async {
        let guess = Token::issue(server.pin, server.controller.public().fingerprint());
        code(server.enrol(&guess, &key).await)
    });
    let codes = futures_util::future::join_all(guesses).await;
    let count = |wanted: &str| codes.iter().filter(|code| *code == wanted).count();
    let (heard, slowed) = (count("enrol.unknown_token"), count("enrol.too_many"));
    assert!(heard >= 16 && slowed > 0 && heard + slowed == 40, "{codes:?}");
}
