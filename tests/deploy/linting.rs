//! Tools that look at such files for a living. `tests/run` installs them; where one is missing
//! that is said.

use crate::path;
use std::process::Command;

/// Lines as long as our comments are.
const YAML_RULES: &str = "{extends: relaxed, rules: {line-length: {max: 180}}}";

/// Runs a tool over files of the repository; it must find nothing.
fn clean(tool: &str, args: &[&str], files: &[&str]) {
    let ours = path("target/lint/bin").join(tool);
    let program = if ours.exists() { ours } else { tool.into() };
    let mut command = Command::new(program);
    command.current_dir(path("")).args(args).args(files);
    let Ok(done) = command.output() else {
        println!("SHORT {tool} is missing (tests/run installs it): {files:?} were not linted");
        return;
    };
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(done.status.success() && !said.contains("warning"), "{tool}\n{said}");
}

#[test]
fn the_dockerfile() {
    clean("hadolint", &["--failure-threshold", "style"], &["deploy/Dockerfile"]);
}

#[test]
fn the_compose_file() {
    let schema = ["--builtin-schema", "vendor.compose-spec"];
    clean("check-jsonschema", &schema, &["deploy/compose.yaml"]);
}

#[test]
fn the_kubernetes_manifests() {
    let files = ["namespace", "redis", "hotline"].map(|f| format!("deploy/kubernetes/{f}.yaml"));
    let listed: Vec<_> = std::fs::read_dir(path("deploy/kubernetes")).unwrap().collect();
    assert_eq!(listed.len(), files.len(), "a manifest that nobody looks at: {listed:?}");
    clean("kubernetes-validate", &["--strict"], &files.each_ref().map(String::as_str));
}

#[test]
fn every_yaml_file() {
    let folders = ["compose.yaml", "compose", "kubernetes", "prometheus", "grafana/provisioning"];
    let folders = folders.map(|name| format!("deploy/{name}"));
    clean("yamllint", &["-s", "-d", YAML_RULES], &folders.each_ref().map(String::as_str));
}
