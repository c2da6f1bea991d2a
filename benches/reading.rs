//! What reading one submission costs: classify, with and without a model, locate and route, on
//! an invented message of some 400 characters and an address. `cargo bench --bench reading`

#![allow(missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use hotline::catalogue::{Catalogue, Speaks};
use hotline::classify::{Classifier, Model};
use hotline::locate::{Hints, Locator};
use hotline::route::route;
use hotline::train::{Example, train};
use std::hint::black_box;

const TITLE: &str = "小区封控后独居老人断药，请尽快联系送药";
const TEXT: &str = "您好，我现在人在外地，家里只有八十二岁的母亲一个人住。母亲有多年的高血压和糖尿病，\
每天要吃降压药，还要打胰岛素。小区从上周五开始封控管理，楼栋封闭，快递和外卖都进不来，志愿者说物资要统\
一发放，但是药品不在发放的名单里。我给社区打过三次电话，第一次说已经登记，第二次说要等街道统一安排，第\
三次没有人接。今天早上母亲在电话里说药只够吃两天，胰岛素也只剩最后一支，她行动不便，不会用手机，做核酸\
检测的时候问过工作人员，对方让她自己在小程序上申请，可是验证码发到旧手机号上，怎么也登录不上。我也联系\
过医院，医院说可以代配药，但是要有人拿着医保卡去取，送到小区门口，再由社区转交。现在门口的卡口不让跑腿\
人员靠近，已经退回来一次了。另外楼道里的灯坏了很久，晚上看不见路，老人下楼拿东西也很危险，物业一直没有\
来修。恳请有关部门帮忙协调一下，尽快把药送到老人手里，最好能安排人每天上门看一看，顺便送一下饭，给大家\
添麻烦了，非常感谢。";
const ADDRESS: &str = "浙江省嘉兴市秀洲区新塍镇沙家浜村3组12号";

/// A model of seven fields, whose messages are the fields' keywords, three in each.
fn model(catalogue: &Catalogue) -> Model {
    let labels: Vec<String> = (1..=7).map(|field| format!("{field:02}")).collect();
    let mut examples = Vec::new();
    for (label, field) in (1..=7).enumerate() {
        let words: Vec<&str> = catalogue
            .keywords()
            .filter(|keyword| match keyword.speaks {
                Speaks::Category(category) => category.field() == field,
                Speaks::Field(of) => of == field,
                Speaks::Kind(_) | Speaks::Urgency(_) => false,
            })
            .map(|keyword| keyword.text.as_str())
            .collect();
        examples.extend(words.windows(3).map(|w| Example::new(w[0], &w.join("，"), label)));
    }
    train(&labels, &examples, 2, &|_| ()).expect("seven classes").model
}

fn reading(c: &mut Criterion) {
    let catalogue = Catalogue::builtin().expect("the builtin catalogue is sound");
    let classifier = Classifier::new(&catalogue);
    let locator = Locator::new(&catalogue);
    println!("{} characters", TEXT.chars().count());
    c.bench_function("classify", |b| {
        b.iter(|| classifier.classify(black_box(TITLE), black_box(TEXT)));
    });
    let trained = Classifier::with_model(&catalogue, model(&catalogue)).expect("seven fields");
    c.bench_function("classify with a model", |b| {
        b.iter(|| trained.classify(black_box(TITLE), black_box(TEXT)));
    });
    c.bench_function("decide with a model", |b| {
        b.iter(|| trained.decide(black_box(TITLE), black_box(TEXT)));
    });
    c.bench_function("locate", |b| b.iter(|| locator.locate(black_box(ADDRESS), Hints::default())));
    let read = classifier.classify(TITLE, TEXT);
    let place = locator.locate(ADDRESS, Hints::default());
    c.bench_function("route", |b| {
        b.iter(|| route(&catalogue, black_box(read.category), black_box(place.division)));
    });
    c.bench_function("classify + locate + route", |b| {
        b.iter(|| {
            let read = classifier.classify(black_box(TITLE), black_box(TEXT));
            let place = locator.locate(black_box(ADDRESS), Hints::default());
            route(&catalogue, read.category, place.division)
        });
    });
}

criterion_group!(benches, reading);
criterion_main!(benches);
