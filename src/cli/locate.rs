//! `hotline locate`: where one address leads, and why.

use super::failure::Failure;
use super::output::{OutputArgs, sheet};
use crate::catalogue::{Catalogue, Gazetteer, Place};
use crate::locate::{Atlas, Sight, Spot};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Reads an address, or any text, and says which place it names.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hotline locate 嘉兴市秀洲区新塍镇沙家浜村3组12号\n  hotline locate 上海市山西路12号 -o json"
)]
pub(super) struct LocateArgs {
    /// The address.
    text: String,
    /// The places that are known: CSV with the columns code and name, level and parent_code
    /// where it has them; else the city's divisions within those of the country.
    #[arg(long)]
    divisions: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: LocateArgs) -> Result<(), Failure> {
    let (gazetteer, atlas) = atlas(args.divisions.as_deref())?;
    let sight = atlas.look(&args.text, &[]);
    args.output.print(|| json(&gazetteer, &sight), || table(&gazetteer, &sight))
}

/// The table of a file, or what is built in, compiled.
pub(super) fn atlas(divisions: Option<&Path>) -> Result<(Gazetteer, Atlas), Failure> {
    let gazetteer = match divisions {
        Some(path) => Gazetteer::load(path).map_err(|error| {
            Failure::said(format!("the table of divisions cannot be used:\n{error}"))
        })?,
        None => Gazetteer::of(&Catalogue::builtin().map_err(|e| Failure::said(e.to_string()))?),
    };
    let atlas = Atlas::new(&gazetteer);
    Ok((gazetteer, atlas))
}

fn json(gazetteer: &Gazetteer, sight: &Sight) -> Value {
    let place = |place: Place| {
        json!({
            "code": place.to_string(),
            "level": place.rank().name(),
            "name": gazetteer.full_name(place),
        })
    };
    let spot = |spot: &Spot| {
        let mut all = place(spot.place);
        all["confidence"] = spot.confidence.percent().into();
        all["span"] = spot.span.as_str().into();
        all
    };
    let names = sight.evidence.iter().map(|(text, named)| {
        let mut all = place(*named);
        all["text"] = text.as_str().into();
        all
    });
    json!({
        "best": sight.best.as_ref().map(spot),
        "runner_up": sight.runner_up.as_ref().map(spot),
        "evidence": names.collect::<Vec<_>>(),
        "ambiguous": sight.ambiguous.iter().map(|p| place(*p)).collect::<Vec<_>>(),
    })
}

fn table(gazetteer: &Gazetteer, sight: &Sight) -> String {
    let place = |place: Place| format!("{place} {}", gazetteer.full_name(place));
    let spot = |spot: &Option<Spot>| match spot {
        None => "-".to_owned(),
        Some(spot) => {
            let sure = spot.confidence.percent();
            format!("{}（{sure}%，据“{}”）", place(spot.place), spot.span)
        }
    };
    let names = sight.evidence.iter().map(|(text, named)| format!("{text} → {}", place(*named)));
    let lines =
        |lines: Vec<String>| if lines.is_empty() { "-".to_owned() } else { lines.join("\n") };
    sheet(vec![
        ("地点", spot(&sight.best)),
        ("层级", sight.best.as_ref().map_or("-", |best| best.place.rank().name()).to_owned()),
        ("其次", spot(&sight.runner_up)),
        ("依据", lines(names.collect())),
        ("同名", lines(sight.ambiguous.iter().map(|p| place(*p)).collect())),
    ])
}
