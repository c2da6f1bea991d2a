//! What an operator sees of what left the store, and of who reads the feed.

use crate::program::Serve;
use hotline::pb::AcknowledgeFeedRequest;
use hotline::pb::feed_service_client::FeedServiceClient;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_is_listed_and_a_broken_file_named() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("archive");
    let (at, age) = (folder.to_str().unwrap().to_owned(), "30d".to_owned());
    let serve = Serve::with(home.path(), &["--archive", &at, "--retention", &age]);
    let list = serve.run(&["archive", "ls", "-o", "json"]).ends(0).json();
    assert_eq!((list["folder"].as_str(), list["days"].as_array().unwrap().len()), (Some(&*at), 0));
    assert!(serve.run(&["archive", "ls"]).ends(0).out.contains("合计"));
    let day = folder.join("orders/city=330400/day=2026-11-25");
    std::fs::create_dir_all(&day).unwrap();
    std::fs::write(day.join("0123.parquet"), "no such thing").unwrap();
    std::fs::write(day.join("notes.txt"), "of somebody").unwrap();
    for args in [&["archive", "ls"][..], &["archive", "ls", "-o", "json"], &["doctor"]] {
        let ran = serve.run(args).ends(1);
        assert!(ran.out.contains("day=2026-11-25/0123.parquet"), "{ran:?}");
    }
    std::fs::remove_file(day.join("0123.parquet")).unwrap();
    serve.run(&["doctor"]).ends(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_are_listed_and_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::with(home.path(), &[]);
    let list = serve.run(&["feed", "consumers", "ls", "-o", "json"]).ends(0).json();
    assert_eq!(list["consumers"].as_array().unwrap().len(), 0);
    let oldest = list["oldest_cursor"].as_str().unwrap().to_owned();
    let mut feed = FeedServiceClient::connect(format!("http://{}", serve.address)).await.unwrap();
    let (consumer, cursor) = ("district-330402".to_owned(), String::new());
    let mut request = tonic::Request::new(AcknowledgeFeedRequest { consumer, cursor });
    for (key, value) in
        [("hotline-staff", "t-1"), ("hotline-unit", "330402"), ("hotline-role", "handler")]
    {
        request.metadata_mut().insert(key, value.parse().unwrap());
    }
    feed.acknowledge_feed(request).await.unwrap();
    let list = serve.run(&["feed", "consumers", "ls", "-o", "json"]).ends(0).json();
    assert_eq!(list["consumers"][0]["consumer"], "district-330402");
    assert_eq!(list["consumers"][0]["cursor"], oldest);
    let shown = serve.run(&["feed", "consumers", "ls"]).ends(0);
    assert!(shown.out.contains("district-330402") && shown.out.contains(&oldest), "{shown:?}");
    serve.run(&["feed", "consumers", "forget", "district-330402"]).ends(0);
    let again = serve.run(&["feed", "consumers", "forget", "district-330402"]).ends(1);
    assert!(again.err.contains("UNKNOWN_CONSUMER"), "{again:?}");
}
