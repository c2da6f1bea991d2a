//! What is offered while the agent still types, and what the citizen is told.

use super::enums::Wire;
use super::status::Fault;
use super::{Api, from_proto as read, text, to_proto as write};
use crate::dispatch::{Alike, Asked, Burst, Called, Dispatch, Preview};
use crate::domain::{Actor, Category, Order};
use crate::pb;
use std::sync::Arc;

/// The most orders of one caller that are offered for merging.
const MAX_REPEATS: usize = 8;

/// The order on the wire, as the actor may see it.
pub(super) async fn shown(
    dispatch: &Dispatch,
    order: Arc<Order>,
    actor: &Actor,
) -> Result<pb::Order, Fault> {
    let order = dispatch.shown(order, actor).await?;
    Ok(write::order(&order, dispatch.now(), actor.unit))
}

impl Api {
    pub(super) async fn shown(&self, order: Arc<Order>, actor: &Actor) -> Result<pb::Order, Fault> {
        shown(&self.dispatch, order, actor).await
    }

    /// Which open orders of a caller may be the same matter, at most [`MAX_REPEATS`].
    pub(super) fn repeats(&self, called: Vec<Called>, category: Category) -> Vec<pb::Repeat> {
        let repeat = |Called { order, said: _ }: Called| pb::Repeat {
            order_no: order.no.to_string(),
            stage: order.stage.to_pb().into(),
            heard_at: Some(write::time(order.heard_at)),
            category: order.reading.category.to_string(),
            category_name: self.category_name(order.reading.category),
        };
        let same = called.into_iter().filter(|called| called.is_about(category));
        same.take(MAX_REPEATS).map(repeat).collect()
    }

    /// What a message would come to, as far as it is typed.
    pub(super) async fn preview(
        &self,
        actor: &Actor,
        request: pb::PreviewOrderRequest,
    ) -> Result<pb::PreviewOrderResponse, Fault> {
        let pb::PreviewOrderRequest { title, text, address, phone, category } = request;
        text::optional("title", &title, text::MAX_TITLE)?;
        text::optional("text", &text, text::MAX_TEXT)?;
        text::optional("address", &address, text::MAX_ADDRESS)?;
        let phone = text::phone(phone)?;
        let asked = Asked {
            title: &title,
            text: &text,
            address: &address,
            phone: &phone,
            category: read::category(&category)?,
        };
        let preview = self.dispatch.preview(actor, asked)?;
        let called = self.dispatch.of_caller(actor, &phone).await?;
        let category = preview.classification.category;
        let place = preview.location.division;
        let repeats = self.repeats(called, category);
        let similar = self.dispatch.similar(actor, (&title, &text), category, place).await?;
        let mut similar: Vec<_> = similar.into_iter().map(|alike| self.alike(alike)).collect();
        similar.retain(|other| repeats.iter().all(|repeat| repeat.order_no != other.order_no));
        Ok(pb::PreviewOrderResponse { repeats, similar, ..self.previewed(&preview) })
    }

    fn previewed(&self, preview: &Preview) -> pb::PreviewOrderResponse {
        let (said, place) = (&preview.classification, &preview.location);
        let catalogue = self.dispatch.catalogue();
        let reading = pb::Reading {
            kind: said.kind.to_pb().into(),
            category: said.category.to_string(),
            urgency: said.urgency.to_pb().into(),
            category_confidence: said.category_confidence.percent().into(),
            division: place.division.to_string(),
            division_confidence: place.confidence.percent().into(),
        };
        let clues = said.evidence.iter().map(|clue| pb::Clue {
            word: clue.keyword.clone(),
            speaks_for: clue.speaks.to_string(),
            weight: clue.weight.into(),
            in_title: clue.in_title,
        });
        let rivals = said.rivals.iter().map(|(category, confidence)| pb::Rival {
            category: category.to_string(),
            category_name: self.category_name(*category),
            confidence: confidence.percent().into(),
        });
        let places = place.evidence.iter().map(|name| pb::PlaceClue {
            text: name.text.clone(),
            division: name.division.to_string(),
        });
        let route = preview.route.as_ref();
        let chain = route.map_or(&[][..], |route| route.plan.units());
        let helpers = route.map_or(&[][..], |route| &route.helpers);
        let lead = route.ok().map(|route| route.lead());
        let rival = place.runner_up.as_ref().map(|(division, confidence, span)| pb::PlaceRival {
            division: division.to_string(),
            division_name: self.division_name(*division),
            confidence: confidence.percent().into(),
            span: span.clone(),
        });
        let name = |unit| catalogue.unit(unit).map(|row| row.name.clone()).unwrap_or_default();
        pb::PreviewOrderResponse {
            reading: Some(reading),
            category_name: self.category_name(said.category),
            division_name: self.division_name(place.division),
            clues: clues.collect(),
            chain: write::units(chain),
            chain_names: chain.iter().copied().map(name).collect(),
            confident: preview.confident,
            no_route: preview.route.as_ref().err().map(ToString::to_string).unwrap_or_default(),
            rivals: rivals.collect(),
            places: places.collect(),
            ambiguous_divisions: place.ambiguous.iter().map(ToString::to_string).collect(),
            repeats: Vec::new(),
            model_version: said.model.map(|model| model.to_string()).unwrap_or_default(),
            similar: Vec::new(),
            place_span: place.span.clone(),
            place_level: place.division.level().to_pb().into(),
            place_rival: rival,
            place_outside: place
                .outside
                .map(|out| self.dispatch.place_name(out))
                .unwrap_or_default(),
            lead: lead.map(|unit| unit.to_string()).unwrap_or_default(),
            lead_level: lead.map_or(0, |unit| unit.level().to_pb().into()),
            co_handlers: write::units(helpers),
            co_handler_names: helpers.iter().copied().map(name).collect(),
            rule: route.map_or(0, |route| route.rule.into()),
            catalogue_version: catalogue.version(),
            explanation: preview.explanation.clone(),
        }
    }

    fn alike(&self, Alike { order, score, title }: Alike) -> pb::SimilarOrder {
        let reading = &order.reading;
        pb::SimilarOrder {
            order_no: order.no.to_string(),
            stage: order.stage.to_pb().into(),
            heard_at: Some(write::time(order.heard_at)),
            category: reading.category.to_string(),
            category_name: self.category_name(reading.category),
            division: reading.division.to_string(),
            division_name: self.division_name(reading.division),
            title,
            score: score.into(),
        }
    }

    pub(super) fn burst(&self, burst: Burst) -> pb::SimilarBurst {
        pb::SimilarBurst {
            town: burst.town.to_string(),
            town_name: self.division_name(burst.town),
            category: burst.like.category.to_string(),
            category_name: self.category_name(burst.like.category),
            orders: burst.count,
            order_nos: burst.orders.iter().map(ToString::to_string).collect(),
            since: Some(write::time(burst.since)),
            last_at: Some(write::time(burst.last)),
        }
    }

    pub(super) fn category_name(&self, category: Category) -> String {
        let catalogue = self.dispatch.catalogue();
        catalogue.category(category).map(|row| row.name.clone()).unwrap_or_default()
    }

    /// From the county down, as people say it: 南湖区新兴街道.
    pub(super) fn division_name(&self, division: crate::domain::Division) -> String {
        let mut names = Vec::with_capacity(4);
        let mut next = Some(division);
        let catalogue = self.dispatch.catalogue();
        while let Some(place) = next {
            names.extend(catalogue.division(place).map(|row| row.name.as_str()));
            next = place.parent();
        }
        names.reverse();
        names.concat()
    }

    /// How far a matter is: what a citizen may know.
    pub(super) fn tracked(&self, order: &Order) -> pb::TrackOrderResponse {
        let holder = order.holder();
        let catalogue = self.dispatch.catalogue();
        let row = holder.and_then(|unit| catalogue.unit(unit));
        pb::TrackOrderResponse {
            order_no: order.no.to_string(),
            stage: order.stage.to_pb().into(),
            category: order.reading.category.to_string(),
            holder: holder.map(|unit| unit.to_string()).unwrap_or_default(),
            holder_name: row.map(|row| row.name.clone()).unwrap_or_default(),
            heard_at: Some(write::time(order.heard_at)),
            arrived_at: order.arrival.stopped_at.map(write::time),
            closure_due: Some(write::time(order.due(crate::domain::ClockKind::Closure))),
            closed_at: order.closure.stopped_at.map(write::time),
        }
    }
}
