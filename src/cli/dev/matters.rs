//! What simulated citizens say, and where they live. Written for this project.

use crate::catalogue::Catalogue;
use crate::domain::{Cell, Division, Level, Unit};
use crate::pb::{Channel, Contact, Submission};

/// Title and text of a matter.
pub(in crate::cli) const MATTERS: [(&str, &str); 24] = [
    (
        "高血压药断了",
        "我爱人有高血压和糖尿病，家里的药只剩两天的量，小区封控出不去，社区药店也关门了，请帮忙配药送药。",
    ),
    (
        "货车司机滞留在服务区",
        "我是货车司机，从高速下来以后通行证被扣，滞留在服务区已经两天，车上没有吃的，求助能不能安排通行。",
    ),
    (
        "独居老人没人送菜",
        "隔壁独居老人八十多岁，不会用手机买菜，封控以后没有人送菜送饭，请村里安排志愿者上门看看。",
    ),
    (
        "孕妇产检去不了医院",
        "我怀孕三十六周，今天要去医院产检，健康码变成黄码，社区说不能出门，请尽快协调车辆和医院。",
    ),
    (
        "透析病人需要接送",
        "父亲每周三次透析，现在道路管控没有车，明天上午必须到医院透析，请帮忙安排接送。",
    ),
    (
        "核酸检测点排队太久",
        "村口的核酸检测点只有一个窗口，排队两个多小时，老人小孩站不住，建议增加采样点。",
    ),
    ("隔离酒店饭菜凉", "集中隔离的酒店三餐送来都是凉的，孩子吃了肚子疼，希望改善隔离人员的伙食。"),
    (
        "健康码一直是黄码",
        "核酸结果阴性三天了，健康码一直没有转绿，上不了班，请问应该找哪个部门处理。",
    ),
    (
        "楼上装修噪音扰民",
        "楼上邻居每天早上六点就开始装修，电钻噪音很大，跟物业反映多次没有用，请相关部门来管。",
    ),
    (
        "小区垃圾没人清运",
        "小区门口的垃圾桶已经三天没有清运，垃圾堆到路上，臭气很大，请环卫尽快处理。",
    ),
    ("路灯坏了半个月", "村道上的路灯坏了半个多月，晚上一片漆黑，老人出门容易摔倒，请派人维修。"),
    (
        "自来水浑浊有异味",
        "从昨天开始家里的自来水发黄浑浊，有股异味，不敢喝也不敢洗菜，请自来水公司来检测。",
    ),
    (
        "电梯困人故障频繁",
        "小区三幢的电梯一个月坏了四次，昨天还困了人，物业说没有维修资金，请督促检修。",
    ),
    (
        "工地拖欠工资",
        "我们十二个工人在工地干了四个月，包工头拖欠工资不发，电话也不接，请劳动部门帮助讨薪。",
    ),
    ("工厂夜里偷排废气", "附近的工厂每天夜里偷排废气，刺鼻的气味让人睡不着，请环保部门晚上来查。"),
    ("河道里有死鱼", "村边河道的水发黑，漂着很多死鱼，怀疑上游有企业排放污水，请环保部门调查。"),
    (
        "公交车班次太少",
        "我们镇上到市区的公交车一小时才一班，早高峰经常挤不上去，希望增加公交班次。",
    ),
    (
        "占道经营堵塞道路",
        "菜场门口摊贩占道经营，把非机动车道全占了，接送孩子很危险，请城管执法部门管理。",
    ),
    ("医保卡异地报销咨询", "请问退休人员在外地住院，医保怎么办理异地报销备案，需要带什么材料。"),
    (
        "学校食堂卫生差",
        "孩子说学校食堂的饭菜里吃出虫子，好几个同学拉肚子，要求检查食堂的食品卫生。",
    ),
    (
        "网购商家拒绝退款",
        "在本地一家家具店买的沙发有质量问题，商家拒绝退款，请市场监管部门帮助维权。",
    ),
    ("田里灌溉水渠堵塞", "村里的灌溉水渠堵塞，几十亩稻田浇不上水，请农业部门和村委会安排疏通。"),
    ("违章搭建影响采光", "邻居在屋顶违章搭建阳光房，挡住了我家采光，要求拆除违法建筑。"),
    ("谢谢送药上门的志愿者", "社区志愿者冒雨把药送到我母亲家里，非常感谢，特来表扬。"),
];

/// Every village, with its full address.
pub(in crate::cli) fn villages(catalogue: &Catalogue) -> Vec<(Division, String)> {
    let name = |division| catalogue.division(division).map_or("", |row| row.name.as_str());
    let villages = catalogue.divisions().filter(|row| row.division.level() == Level::Village);
    let addressed = villages.map(|row| {
        let mut address = String::from(row.name.as_str());
        let mut above = row.division.parent();
        while let Some(division) = above {
            address.insert_str(0, name(division));
            above = division.parent();
        }
        (row.division, address)
    });
    addressed.collect()
}

/// Makes matters one after another, always the same ones.
pub(super) struct Citizens {
    cell: Cell,
    villages: Vec<(Division, String)>,
    said: u64,
}

impl Citizens {
    pub(super) fn of(catalogue: &Catalogue) -> Citizens {
        Citizens { cell: catalogue.cell(), villages: villages(catalogue), said: 0 }
    }

    /// The unit that hears them.
    pub(super) fn centre(&self) -> Unit {
        self.cell.centre()
    }

    /// The next matter. Every ninth caller gives no usable address, so that triage has work.
    pub(super) fn next(&mut self) -> Submission {
        let n = self.said;
        self.said += 1;
        // A multiplicative step through the villages visits all of them before any twice.
        let village = &self.villages[(n.wrapping_mul(7_919) % self.villages.len() as u64) as usize];
        let (title, text) = MATTERS[(n % MATTERS.len() as u64) as usize];
        let address = match n % 9 {
            8 => "就在我家楼下".to_owned(),
            _ => format!("{}{}号", village.1, n % 300 + 1),
        };
        let channel = match n % 4 {
            0 | 1 => Channel::Phone,
            2 => Channel::Web,
            _ => Channel::Wechat,
        };
        Submission {
            channel: channel.into(),
            title: title.into(),
            text: text.into(),
            contact: Some(Contact {
                name: "来电人".into(),
                phone: format!("139{:08}", n % 100_000_000),
                address,
            }),
            ..Submission::default()
        }
    }
}
