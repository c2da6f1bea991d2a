//! A citizen's words become an order: classify, locate, route, register.

use super::guide::Guide;
use super::step::{Decided, With};
use super::turns::Turn;
use super::{Dispatch, Done, Refusal, Request, Settings};
use crate::catalogue::{Catalogue, Place};
use crate::classify::Classification;
use crate::clock::tick;
use crate::domain::{
    Actor, Category, Channel, Confidence, Contact, Division, Emergency, Kind, Level, ModelVersion,
    OrderNo, Plan, Reading, Refused, Register, Timestamp, Unit, Urgency, decide_new,
};
use crate::locate::{Hints, Location};
use crate::route::{NoRoute, Route, explain, route};
use crate::similar::simhash;
use crate::store::{CommitError, Paper, SealedContact, StoreError};
use std::sync::Arc;
use tokio::sync::SemaphorePermit;

/// How many numbers are tried before giving up; a taken one means that the store lost its
/// counter, and every try goes past it.
const MAX_NUMBERS: usize = 4;

/// The most submissions by streams that are on their way at a time; they wait: a bulk of them
/// takes no caller's turn.
pub const MAX_STREAMED: usize = 512;

/// What the citizen said, and what the agent made of it. A field the agent gives is taken
/// as certain.
#[derive(Clone, Debug)]
pub struct Submission {
    /// How it came in.
    pub channel: Channel,
    /// When the citizen was heard; `None` is now.
    pub heard_at: Option<Timestamp>,
    /// The citizen's words, in short.
    pub title: String,
    /// The citizen's words.
    pub text: String,
    /// Whom to call back, and where.
    pub contact: Contact,
    /// The agent's choice.
    pub kind: Option<Kind>,
    /// The agent's choice.
    pub category: Option<Category>,
    /// The agent's choice.
    pub urgency: Option<Urgency>,
    /// The agent's choice.
    pub division: Option<Division>,
    /// Life and safety: handed over at once.
    pub hand_over: Option<Emergency>,
    /// Units it complains about.
    pub recused: Vec<Unit>,
}

/// What would be made of a citizen's words.
#[derive(Debug)]
pub struct Preview {
    /// What they are about, with the evidence.
    pub classification: Classification,
    /// Where, with the evidence.
    pub location: Location,
    /// Where they would go.
    pub route: Result<Route, NoRoute>,
    /// Whether they would go there without a person deciding.
    pub confident: bool,
    /// Why, in one line that an agent reads.
    pub explanation: String,
}

/// What an agent has typed so far; any of it may be empty.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The citizen's words, in short.
    pub title: &'a str,
    /// The citizen's words.
    pub text: &'a str,
    /// Where it is.
    pub address: &'a str,
    /// The number the citizen calls from, digits only.
    pub phone: &'a str,
    /// The agent's choice, which is taken as certain.
    pub category: Option<Category>,
}

/// A submission that was read: the same under every number that is tried.
struct Filing {
    register: Register,
    contact: Contact,
    with: With,
}

impl Settings {
    /// Whether an order may go where it was read to without a person deciding. A matter of
    /// the whole city (the buses, the health code) goes to the same unit from any place.
    pub fn is_confident(&self, category: Confidence, division: Confidence, route: &Route) -> bool {
        let any_place = !route.short && route.plan.front_line().level() == Level::City;
        category.percent() >= self.category_confidence
            && (any_place || division.percent() >= self.division_confidence)
    }
}

impl Dispatch {
    /// Reads a citizen's words without writing anything.
    pub fn preview(&self, actor: &Actor, asked: Asked) -> Result<Preview, Refusal> {
        let Asked { title, text, address, phone, category: chosen } = asked;
        self.check_choices(chosen, None)?;
        let guide = self.guide();
        let mut classification = guide.classifier.classify(title, text);
        if let Some(category) = chosen {
            classification.category = category;
            classification.category_confidence = Confidence::new(100);
        }
        let location = guide.locator.locate(address, hints(&guide.catalogue, actor, phone));
        let category = classification.category;
        let route = route(&guide.catalogue, category, location.division);
        let confident = route.as_ref().is_ok_and(|route| {
            let category = classification.category_confidence;
            self.settings.is_confident(category, location.confidence, route)
        });
        let mut explanation = explain(&guide.catalogue, category, location.division, &route);
        if let Some(outside) = location.outside {
            let name = guide.locator.full_name(outside);
            explanation += &format!("；地址在{name}，不在本市，由人工核实");
        } else if route.is_ok() && !confident {
            let (matter, place) =
                (classification.category_confidence.percent(), location.confidence.percent());
            explanation += &format!("；类别把握 {matter}%，地点把握 {place}%，由人工派单");
        }
        Ok(Preview { classification, location, route, confident, explanation })
    }

    /// What a place of the country is called in full.
    pub fn place_name(&self, place: Place) -> String {
        self.guide().locator.full_name(place)
    }

    /// A turn to file an order; refused while [`super::MAX_FILING`] are on their way, or fewer in
    /// a crowd: who waits longer than that helps nobody, and memory would grow with them.
    pub fn turn_to_file(&self) -> Result<Turn<'_>, Refusal> {
        self.turns.take(tick).ok_or(Refusal::Overloaded)
    }

    /// Whether there is a turn to file now: who would be refused need not be listened to.
    pub fn has_turn(&self) -> bool {
        self.turns.any(tick)
    }

    /// A turn among those of [`MAX_STREAMED`], waited for; given out as long as there is a
    /// dispatcher.
    pub async fn wait_to_file(&self) -> Option<SemaphorePermit<'_>> {
        self.streamed.acquire().await.ok()
    }

    /// Registers a new order: on its way down the chain, or in triage when nobody could tell.
    pub fn submit<'a>(
        &'a self,
        actor: &'a Actor,
        request: Request,
        submission: Submission,
    ) -> impl Future<Output = Result<Done, Refusal>> + Send + 'a {
        self.register(actor, request, submission, None)
    }

    /// Writes a new order down, under a fresh number; an archived one that it takes up names it
    /// in the same step. The words are read at once: what waits for the store is small, and what
    /// seldom happens is beside it, for thousands wait at a time.
    pub(super) fn register<'a>(
        &'a self,
        actor: &'a Actor,
        request: Request,
        submission: Submission,
        reopens: Option<OrderNo>,
    ) -> impl Future<Output = Result<Done, Refusal>> + Send + 'a {
        let filing = self.filing(actor, request, submission, reopens);
        async move {
            let mut filing = filing?;
            for _ in 0..MAX_NUMBERS {
                let date = self.now().date();
                filing.register.no = self.numbers.next(&*self.store, self.cell(), date).await?;
                let (now, beside) = match reopens {
                    Some(of) => Box::pin(self.names(of, actor, filing.register.no)).await?,
                    None => (self.now(), None),
                };
                let (decided, contact) = match self.first_step(actor, &filing, now)? {
                    Ok(first) => first,
                    // What is too old to be filed now may have been filed then, by this request.
                    Err(refused) => {
                        let before = Box::pin(self.recall(filing.with.request, actor)).await?;
                        return before.ok_or_else(|| refused.into());
                    }
                };
                match self.commit(decided, beside, Some(contact), &filing.with).await {
                    Ok((done, _)) => return Ok(done),
                    Err(CommitError::Conflict) => {
                        Box::pin(self.look_again(&mut filing)).await?;
                    }
                    Err(error) => {
                        let request = filing.with.request;
                        let before = Box::pin(self.refused(error, request, actor)).await?;
                        return before.ok_or(Refusal::Busy);
                    }
                }
            }
            Err(Refusal::Busy)
        }
    }

    /// Reads a submission. A mode that this process has not heard of yet is learnt by the
    /// conflict.
    fn filing(
        &self,
        actor: &Actor,
        request: Request,
        submission: Submission,
        reopens: Option<OrderNo>,
    ) -> Result<Box<Filing>, Refusal> {
        self.check_choices(submission.category, submission.division)?;
        self.check_units("recused_units", &submission.recused)?;
        let now = self.now();
        let guide = self.guide();
        let (reading, model, routed) = self.read(&guide, actor, &submission);
        let hash = simhash(&submission.title, &submission.text);
        let (plan, rule) = match routed {
            Some(Route { plan, rule, short: _, helpers: _ }) => (Some(plan), rule),
            None => (None, 0),
        };
        let Submission { channel, heard_at, title, text, contact, hand_over, recused, .. } =
            submission;
        let heard_at = heard_at.unwrap_or(now);
        let in_force = self.known_mode();
        let with = With {
            request: Some(request),
            paper: Some(Arc::new(Paper { title, body: text, evidence: Vec::new() })),
            mode: Some(in_force.version),
            ..With::default()
        };
        let register = Register {
            no: OrderNo::new(self.cell(), now.date(), 0),
            channel,
            heard_at,
            plan,
            hand_over,
            recused,
            reopens,
            policy: self.limits(&reading, heard_at.min(now), in_force.mode),
            catalogue: guide.catalogue.version(),
            rule,
            model,
            hash,
            reading,
        };
        Ok(Box::new(Filing { register, contact, with }))
    }

    /// Decides a filing under its number, with the contact sealed for it.
    fn first_step(
        &self,
        actor: &Actor,
        Filing { register: matter, contact, .. }: &Filing,
        now: Timestamp,
    ) -> Result<Result<(Decided, SealedContact), Refused>, Refusal> {
        let sealed = self.sealer.seal(matter.no, contact).map_err(|why| {
            Refusal::Unavailable(StoreError::Unreachable(format!("contacts: {why}")))
        })?;
        let decision = decide_new(matter, actor, now);
        Ok(decision.map(|decision| (Decided { before: None, decision }, sealed)))
    }

    /// After a conflict: the number was taken, the city was switched a moment ago, or the order
    /// that is taken up has left the store.
    async fn look_again(&self, filing: &mut Filing) -> Result<(), Refusal> {
        let Filing { register, with, .. } = filing;
        if let Some(of) = register.reopens {
            self.bring_back(of).await?;
        }
        let in_force = self.look_at_mode().await?;
        with.mode = Some(in_force.version);
        let heard_at = register.heard_at.min(self.now());
        register.policy = self.limits(&register.reading, heard_at, in_force.mode);
        Ok(())
    }

    /// What the words and the agent's choices come to, and where that goes.
    fn read(
        &self,
        guide: &Guide,
        actor: &Actor,
        submission: &Submission,
    ) -> (Reading, Option<ModelVersion>, Option<Route>) {
        let certain = Confidence::new(100);
        let read = guide.classifier.decide(&submission.title, &submission.text);
        let (category, category_confidence) = match submission.category {
            Some(category) => (category, certain),
            None => (read.category, read.category_confidence),
        };
        let (division, division_confidence) = match submission.division {
            Some(division) => (division, certain),
            None => {
                let contact = &submission.contact;
                let hints = hints(&guide.catalogue, actor, contact.phone.reveal());
                let found = guide.locator.decide(contact.address.reveal(), hints);
                (found.division, found.confidence)
            }
        };
        let routed = route(&guide.catalogue, category, division)
            .ok()
            .filter(|route| {
                self.settings.is_confident(category_confidence, division_confidence, route)
            })
            .and_then(|route| without(route, &submission.recused));
        let reading = Reading {
            kind: submission.kind.unwrap_or(read.kind),
            category,
            urgency: submission.urgency.unwrap_or(read.urgency),
            category_confidence,
            division,
            division_confidence,
        };
        (reading, read.model, routed)
    }

    pub(super) fn check_units(&self, field: &'static str, units: &[Unit]) -> Result<(), Refusal> {
        let catalogue = self.catalogue();
        match units.iter().find(|unit| catalogue.unit(**unit).is_none()) {
            Some(unit) => {
                let allowed = format!("unit {unit} is not in the catalogue");
                Err(Refusal::Invalid { field, allowed })
            }
            None => Ok(()),
        }
    }

    pub(super) fn check_choices(
        &self,
        category: Option<Category>,
        division: Option<Division>,
    ) -> Result<(), Refusal> {
        if let Some(category) = category
            && self.catalogue().category(category).is_none()
        {
            let allowed = format!("category {category} is not in the catalogue");
            return Err(Refusal::Invalid { field: "category", allowed });
        }
        if let Some(division) = division
            && self.catalogue().division(division).is_none()
        {
            let allowed = format!("division {division} is not in the catalogue");
            return Err(Refusal::Invalid { field: "division", allowed });
        }
        Ok(())
    }
}

/// Where the matter may be near: the area of the caller's number, and the agent's own.
fn hints(catalogue: &Catalogue, actor: &Actor, phone: &str) -> Hints {
    let seat = Some(actor.unit.division()).filter(|seat| seat.level() > Level::City);
    Hints { caller: catalogue.area_of(phone), seat }
}

/// The same way without the units complained about; `None` when one of them is the front
/// line: a person has to find another.
pub(super) fn without(route: Route, recused: &[Unit]) -> Option<Route> {
    if recused.is_empty() {
        return Some(route);
    }
    if recused.contains(&route.plan.front_line()) {
        return None;
    }
    let left = route.plan.units().iter().copied().filter(|unit| !recused.contains(unit));
    let plan = Plan::new(left.collect()).ok()?;
    let helpers = route.helpers.into_iter().filter(|unit| !recused.contains(unit)).collect();
    Some(Route { plan, helpers, ..route })
}
