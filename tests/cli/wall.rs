//! The wall and an order's story, against a real server.

use crate::program::{Ran, Serve, calls, matter};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

#[test]
fn the_wall_and_a_story_show_what_the_server_holds() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::with(home.path(), &[]);
    let file = calls(home.path(), "calls.jsonl", &(0..7).map(matter).collect::<Vec<_>>());
    serve.run(&["submit", "--file", &file]).ends(0);

    let zh = serve.run(&["top", "--once", "--lang", "zh"]).ends(0).out;
    assert!(zh.lines().any(|line| line.contains("受理 7") && line.contains("在办 7")), "{zh}");
    // Every county stands there, the silent ones too.
    for word in ["四级派单链", "区县 7", "│南湖区 ", "濒临超时 0", "计时滞后"] {
        assert!(zh.contains(word), "{word}: {zh}");
    }
    let picture = home.path().join("wall.svg");
    let mut english = serve.command(&["top", "--once", "--svg", picture.to_str().unwrap()]);
    english.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "en_GB.UTF-8");
    let en = Ran::of(english.output().unwrap()).ends(0).out;
    assert!(en.contains("received 7") && en.contains("at risk 0"), "{en}");
    let picture = std::fs::read_to_string(picture).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("at risk 0"), "{picture}");
    let nowhere = serve.run(&["top", "--svg", "/nowhere/wall.svg"]);
    assert!(nowhere.code != 0 && nowhere.err.contains("/nowhere/wall.svg"), "{nowhere:?}");
    let pipe = serve.run(&["top"]).ends(2);
    assert!(pipe.err.contains("--once"), "{pipe:?}");

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

/// A terminal, and the wall in it.
struct Terminal {
    script: Child,
    keys: std::process::ChildStdin,
    screen: std::process::ChildStdout,
    seen: String,
}

impl Terminal {
    /// Of util-linux; `None` where that is missing.
    fn open(serve: &Serve) -> Option<Terminal> {
        Terminal::of(serve.command(&["top"]))
    }

    fn of(top: Command) -> Option<Terminal> {
        let mut script = Command::new("script");
        let program = top.get_program().to_str().unwrap().to_owned();
        let line = format!(
            "stty cols 80 rows 24; before=$(stty -g); '{program}' top --lang en; \
                            code=$?; [ \"$before\" = \"$(stty -g)\" ] && echo as-it-was; exit $code"
        );
        script.args(["-qefc", &line, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
        for (name, value) in top.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        script.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.spawn().ok()?;
        let (keys, screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        Some(Terminal { script, keys, screen, seen: String::new() })
    }

    /// Reads on until all of these words have been written.
    #[track_caller]
    fn shows(&mut self, words: &str) {
        let mut piece = [0; 4_096];
        while !self.seen.contains(words) {
            let read = self.screen.read(&mut piece).unwrap();
            assert!(read > 0, "ended without {words:?}: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    }

    /// It has ended with this code, and left the terminal as it was.
    #[track_caller]
    fn ends(&mut self, code: i32) {
        // The screen from before, the cursor, and the settings of the line.
        for restored in ["\x1b[?1049l", "\x1b[?25h", "as-it-was"] {
            self.shows(restored);
        }
        assert_eq!(self.script.wait().unwrap().code(), Some(code), "{}", self.seen);
    }
}

#[test]
fn a_terminal_is_left_as_it_was_and_a_lost_server_is_asked_again() {
    let home = tempfile::tempdir().unwrap();
    let mut serve = Serve::with(home.path(), &[]);
    let Some(mut terminal) = Terminal::open(&serve) else {
        return eprintln!("SKIPPED: script (util-linux) is not installed");
    };
    // Blanks are not written; what is written once stands.
    terminal.shows("waiting");
    serve.kill();
    terminal.shows("lost,");
    let _again = Serve::start(home.path(), &serve.address, "info");
    terminal.seen.clear();
    terminal.shows("scroll");
    terminal.keys.write_all(b"q").unwrap();
    terminal.ends(0);

    let mut terminal = Terminal::open(&serve).unwrap();
    terminal.shows("counties");
    // Ctrl-C is a key there.
    terminal.keys.write_all(b"\x03").unwrap();
    terminal.ends(0);
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was_and_its_words_on_it() {
    let home = tempfile::tempdir().unwrap();
    let serve = Serve::with(home.path(), &[]);
    let mut top = serve.command(&["top"]);
    top.env("HOTLINE_FAULT_PANIC_AT_FRAME", "1");
    let Some(mut terminal) = Terminal::of(top) else {
        return eprintln!("SKIPPED: script (util-linux) is not installed");
    };
    terminal.shows("counties");
    terminal.ends(101);
    let seen = &terminal.seen;
    let at = |words: &str| seen.find(words).unwrap_or_else(|| panic!("no {words:?}: {seen}"));
    assert!(at("\x1b[?1049h") < at("\x1b[?1049l"), "the wall was on a screen of its own");
    assert!(at("\x1b[?1049l") < at("told to at frame 1"), "said where it cannot be read: {seen}");
}
