//! The wall and an order's story, against a real server.

use crate::program::{Serve, calls, matter};

#[test]
fn the_wall_and_a_story_show_what_the_server_holds() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::with(home.path(), &[]);
    let file = calls(home.path(), "calls.jsonl", &(0..7).map(matter).collect::<Vec<_>>());
    serve.run(&["submit", "--file", &file]).ends(0);

    let zh = serve.run(&["top", "--once"]).ends(0).out;
    assert!(zh.lines().any(|line| line.contains("受理 7") && line.contains("在办 7")), "{zh}");
    for word in ["四级派单链", "区县", "濒临超时 0", "计时滞后"] {
        assert!(zh.contains(word), "{word}: {zh}");
    }
    let picture = home.path().join("wall.svg");
    let args = ["top", "--once", "--lang", "en", "--svg", picture.to_str().unwrap()];
    let en = serve.run(&args).ends(0).out;
    assert!(en.contains("received 7") && en.contains("at risk 0"), "{en}");
    let picture = std::fs::read_to_string(picture).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("at risk 0"), "{picture}");
    let nowhere = serve.run(&["top", "--svg", "/nowhere/wall.svg"]);
    assert!(nowhere.code != 0 && nowhere.err.contains("/nowhere/wall.svg"), "{nowhere:?}");

    let orders = serve.run(&["order", "list", "-o", "json"]).ends(0).json();
    let no = orders[0]["order_no"].as_str().unwrap();
    let story = serve.run(&["order", "explain", no]).ends(0).out;
    for word in [no, "谁持有、多久", "为何到此", "时钟", "经过", "接下来", "登记"]
    {
        assert!(story.contains(word), "{word}: {story}");
    }
    let story = serve.run(&["order", "explain", no, "-o", "json"]).ends(0).json();
    assert_eq!((story["order_no"].as_str(), story["complete"].as_bool()), (Some(no), Some(true)));
    assert_eq!(story["passages"][0]["event"], "registered");
}
