//! A real server on ports of its own, and clients that say who they are.

#![allow(dead_code, reason = "each test binary uses its part")]

use hotline::catalogue::Catalogue;
use hotline::clock::{Clock, ManualClock};
use hotline::config::Config;
use hotline::dispatch::{Archiving, Parts, Settings};
use hotline::domain::{Span, Timestamp};
use hotline::pb;
use hotline::pb::admin_service_client::AdminServiceClient;
use hotline::pb::command_service_client::CommandServiceClient;
use hotline::pb::feed_service_client::FeedServiceClient;
use hotline::pb::intake_service_client::IntakeServiceClient;
use hotline::pb::work_order_service_client::WorkOrderServiceClient;
use hotline::server::{self, Running};
use hotline::store::Store;
use hotline::store::memory::Memory;
use hotline::store::seal::Sealer;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// 2022-03-14 08:40 in Beijing.
pub const NOW: Timestamp = Timestamp(1_647_218_400_000);

/// The hotline's centre and one chain below it.
pub const CENTRE: &str = "3304";
pub const COUNTY: &str = "330402";

/// A server, its clock and a channel to it.
pub struct Server {
    pub running: Running,
    pub clock: Arc<ManualClock>,
    pub store: Arc<dyn Store>,
    pub channel: Channel,
}

impl Server {
    /// On a store in memory.
    pub async fn start() -> Server {
        Server::on(Arc::new(Memory::new(catalogue().cell()))).await
    }

    /// On this store.
    pub async fn on(store: Arc<dyn Store>) -> Server {
        Server::sealed(store, sealer()).await
    }

    /// On this store, with this key.
    pub async fn sealed(store: Arc<dyn Store>, sealer: Sealer) -> Server {
        Server::with(store, sealer, Settings::default(), Config::default()).await
    }

    /// On this store, where watchers are cut who take nothing for so long.
    pub async fn patient(store: Arc<dyn Store>, slow_reader: Duration) -> Server {
        let config = Config { slow_reader, ..Config::default() };
        Server::with(store, sealer(), Settings::default(), config).await
    }

    /// On this store; what is over leaves it.
    pub async fn archiving(store: Arc<dyn Store>, archiving: Archiving) -> Server {
        let archiving = Some(archiving);
        let settings = Settings { archiving, ..Settings::default() };
        Server::with(store, sealer(), settings, Config::default()).await
    }

    /// On this store, where an order is parked after so many deliveries.
    pub async fn parking(store: Arc<dyn Store>, park_after: u8) -> Server {
        let settings = Settings { park_after, ..Settings::default() };
        Server::with(store, sealer(), settings, Config::default()).await
    }

    /// On this store, with this key, by this catalogue.
    pub async fn by(store: Arc<dyn Store>, sealer: Sealer, catalogue: Arc<Catalogue>) -> Server {
        let (settings, config) = (Settings::default(), Config::default());
        Server::of(store, sealer, catalogue, settings, config).await
    }

    async fn with(
        store: Arc<dyn Store>,
        sealer: Sealer,
        settings: Settings,
        config: Config,
    ) -> Server {
        Server::of(store, sealer, Arc::clone(catalogue()), settings, config).await
    }

    async fn of(
        store: Arc<dyn Store>,
        sealer: Sealer,
        catalogue: Arc<Catalogue>,
        settings: Settings,
        config: Config,
    ) -> Server {
        let clock = Arc::new(ManualClock::at(NOW));
        let parts = Parts {
            store: Arc::clone(&store),
            catalogue,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            sealer,
            settings: Settings { sweep: Duration::from_millis(20), ..settings },
        };
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config {
            listen: anywhere,
            metrics_listen: anywhere,
            drain_timeout: Duration::from_secs(5),
            ..config
        };
        let running = server::assemble(&config, parts, None).await.unwrap();
        let address = format!("http://{}", running.grpc_address());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Server { running, clock, store, channel }
    }

    pub fn intake(&self) -> IntakeServiceClient<Channel> {
        IntakeServiceClient::new(self.channel.clone())
    }

    pub fn work(&self) -> WorkOrderServiceClient<Channel> {
        WorkOrderServiceClient::new(self.channel.clone())
    }

    pub fn command(&self) -> CommandServiceClient<Channel> {
        CommandServiceClient::new(self.channel.clone())
    }

    pub fn feed(&self) -> FeedServiceClient<Channel> {
        FeedServiceClient::new(self.channel.clone())
    }

    pub fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone())
    }

    /// Order time moves on.
    pub fn later(&self, span: Span) {
        self.clock.advance(span);
    }

    /// Order time, in whole seconds since the epoch.
    pub fn now(&self) -> i64 {
        self.clock.now().0 / 1_000
    }

    /// Order time as it is written on the wire.
    pub fn moment(&self) -> prost_types::Timestamp {
        let Timestamp(now) = self.clock.now();
        prost_types::Timestamp { seconds: now / 1_000, nanos: (now % 1_000 * 1_000_000) as i32 }
    }

    /// Files a matter whose chain is known and returns what it came to.
    pub async fn filed(&self) -> pb::Receipt {
        let request = pb::SubmitOrderRequest {
            request_id: id(),
            submission: Some(matter()),
            skip_repeats: false,
        };
        let answer = self.intake().submit_order(by(CENTRE, "agent", request)).await.unwrap();
        answer.into_inner().receipt.unwrap()
    }

    /// The order as it stands.
    pub async fn order(&self, no: &str) -> pb::Order {
        let request = pb::GetOrderRequest { order_no: no.to_owned() };
        let answer = self.intake().get_order(by(CENTRE, "agent", request)).await.unwrap();
        answer.into_inner().order.unwrap()
    }

    /// Hands out what a tray holds.
    pub async fn pull(&self, unit: &str, desk: pb::Desk) -> Vec<pb::ClaimedOrder> {
        let request = pb::PullOrdersRequest {
            unit: unit.to_owned(),
            desk: desk.into(),
            ..Default::default()
        };
        self.work().pull_orders(by(unit, "handler", request)).await.unwrap().into_inner().orders
    }
}

pub fn sealer() -> Sealer {
    let folder = tempfile::tempdir().unwrap();
    Sealer::create_key_file(&folder.path().join("contacts.key")).unwrap()
}

/// Somebody of a unit says it.
pub fn by<T>(unit: &str, role: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("hotline-staff", "t-0117".parse().unwrap());
    metadata.insert("hotline-unit", unit.parse().unwrap());
    metadata.insert("hotline-role", role.parse().unwrap());
    request
}

/// A new request id.
pub fn id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A matter that goes down all four levels: water, in a village.
pub fn matter() -> pb::Submission {
    pb::Submission {
        channel: pb::Channel::Phone.into(),
        title: "路灯不亮".to_owned(),
        text: "村口的路灯三天不亮了，晚上老人小孩出门看不见路。".to_owned(),
        contact: Some(pb::Contact {
            name: "王阿姨".to_owned(),
            phone: "13812345678".to_owned(),
            address: "5幢801".to_owned(),
        }),
        category: category(),
        division: VILLAGE.to_owned(),
        ..Default::default()
    }
}

/// A village of Jiaxing.
pub const VILLAGE: &str = "330411104201";

/// The catalogue is read once.
pub fn catalogue() -> &'static Arc<Catalogue> {
    static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();
    CATALOGUE.get_or_init(|| Arc::new(Catalogue::builtin().unwrap()))
}

/// A category whose duty lies with the village.
pub fn category() -> String {
    let village = VILLAGE.parse().unwrap();
    let deep = catalogue().categories().map(|row| row.category).find(|category| {
        let route = hotline::route::route(catalogue(), *category, village);
        route.is_ok_and(|r| r.plan.units().iter().map(|u| u.level().index()).eq(0..4))
    });
    deep.expect("a category of the villages").to_string()
}

/// Two answers to one request: alike but for one of them saying that it is a repetition.
pub fn one_is_the_other_again(a: &pb::Receipt, b: &pb::Receipt) {
    assert!(a.replayed != b.replayed, "exactly one did it: {a:?} {b:?}");
    let plain = |receipt: &pb::Receipt| pb::Receipt { replayed: false, ..receipt.clone() };
    assert_eq!(plain(a), plain(b));
}

/// What an error says: code, reason, and the field at fault; and that it is complete.
pub fn told(status: &Status) -> (Code, String, String) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "hotline", "{status:?}");
    let snake = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    assert!(info.reason.chars().all(snake), "{}", info.reason);
    let localized = details.localized_message().expect("a message for people");
    assert_eq!(localized.locale, "zh-CN");
    assert!(!localized.message.is_empty() && !localized.message.is_ascii());
    let infos = status.get_error_details_vec();
    let infos = infos.iter().filter(|d| matches!(d, tonic_types::ErrorDetail::ErrorInfo(_)));
    assert_eq!(infos.count(), 1, "exactly one ErrorInfo");
    let fields = details.bad_request().map(|b| b.field_violations.clone()).unwrap_or_default();
    let field = fields.first().map(|v| v.field.clone()).unwrap_or_default();
    if status.code() == Code::FailedPrecondition && !OF_NO_ORDER.contains(&&*info.reason) {
        for key in ["stage", "action", "allowed"] {
            assert!(info.metadata.contains_key(key), "no {key} in {info:?}");
        }
        assert!(status.message().contains("; allowed now: "), "{status:?}");
        assert!(localized.message.contains("；目前可以："), "{}", localized.message);
    }
    (status.code(), info.reason.clone(), field)
}

/// What is refused, but for no order's sake.
const OF_NO_ORDER: [&str; 3] = ["MODE_MOVED", "MODE_UNCHANGED", "FEED_DIVERGED"];

/// What kind of event it is: the name of its variant in snake_case.
pub fn event_name(what: &pb::feed_event::What) -> String {
    let shown = format!("{what:?}");
    let end = shown.find('(').unwrap_or(shown.len());
    let mut name = String::new();
    for c in shown[..end].chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}
