//! The catalogue of problems as its readers get it: JSON for programs, pages in two languages for browsers.

use mediation_bridge::api::catalogue::{Code, Entry};

use super::support::{Reply, TestApp};

/// What a browser sends.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

fn app() -> TestApp {
    TestApp::accepting(&[])
}

fn entries() -> impl Iterator<Item = Entry> {
    Code::ALL.iter().map(|code| code.entry())
}

fn path(entry: &Entry) -> String {
    format!("/problems/{}", entry.name)
}

fn ask(app: &TestApp, method: &str, path: &str, accept: &str) -> Reply {
    let reply = app.send(method, path, &[("Accept", accept)], b"");
    assert_eq!(reply.status, 200, "{path}");
    assert_eq!(reply.header("vary"), Some("Accept"), "{path}");
    reply
}

fn page(app: &TestApp, path: &str) -> String {
    let reply = ask(app, "GET", path, BROWSER);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    reply.text()
}

/// What the page shows of a text: escaped, code in its own element.
fn shown(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let pieces = escaped.split('`').enumerate();
    pieces
        .map(|(place, piece)| if place % 2 == 1 { format!("<code>{piece}</code>") } else { piece.to_owned() })
        .collect()
}

#[test]
fn programs_get_json_and_browsers_a_page() {
    let app = app();
    for path in ["/problems", "/problems/top_timeout"] {
        for accept in ["*/*", "application/json", "text/*", "text/html;q=0, */*", "application/xhtml+xml"] {
            let reply = ask(&app, "GET", path, accept);
            assert_eq!(reply.header("content-type"), Some("application/json"), "{accept}");
            assert!(reply.json().is_object());
        }
        assert_eq!(app.get("GET", path).header("content-type"), Some("application/json"));
        for accept in [BROWSER, "text/html", "TEXT/HTML; charset=utf-8;q=0.2, application/json"] {
            let reply = ask(&app, "GET", path, accept);
            assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{accept}");
            assert!(reply.text().starts_with("<!DOCTYPE html>"));
        }
        for accept in ["*/*", "text/html"] {
            let (get, head) = (ask(&app, "GET", path, accept), ask(&app, "HEAD", path, accept));
            assert!(head.message.body.is_empty());
            for header in ["content-type", "content-length", "vary"] {
                assert_eq!(get.header(header), head.header(header), "{accept}: {header}");
            }
        }
    }
}

#[test]
fn every_problem_is_explained_in_both_languages() {
    let app = app();
    let list = app.get("GET", "/problems").json();
    let list = list["problems"].as_array().unwrap();
    assert_eq!(list.len(), Code::ALL.len());
    for (entry, listed) in entries().zip(list) {
        let reply = app.get("GET", &path(&entry));
        assert_eq!(reply.json(), *listed);
        assert_eq!(listed["type"], path(&entry));
        assert_eq!(listed["code"], entry.name);
        assert_eq!(listed["status"], entry.status.as_u16());
        let internal = entry.name == "internal_error";
        let outcomes = if internal { vec!["not_executed", "unknown"] } else { vec![entry.outcome.name()] };
        assert_eq!(listed["outcomes"], serde_json::json!(outcomes));
        assert_eq!(listed["retryable"], entry.retryable);
        assert_eq!(listed["actor"], entry.actor.name());
        for (language, words, stop) in [("en", entry.en, "."), ("zh", entry.zh, "。")] {
            let told = &listed[language];
            assert_eq!(told["title"], words.title);
            assert_eq!(told["meaning"], format!("{}{stop}", words.meaning));
            assert_eq!(told["action"], format!("{}{stop}", words.action));
            for member in ["executed", "retry", "actor"] {
                assert!(told[member].as_str().unwrap().ends_with(stop), "{member}: {told}");
            }
        }
        // Chinese stands there as itself, not as escapes.
        assert!(reply.text().contains(entry.zh.title));
    }
}

#[test]
fn a_page_answers_the_five_questions_in_both_languages() {
    let app = app();
    for entry in entries() {
        let (page, told) = (page(&app, &path(&entry)), app.get("GET", &path(&entry)).json());
        for tag in ["en", "zh"] {
            for member in ["title", "meaning", "executed", "retry", "action", "actor"] {
                let text = shown(told[tag][member].as_str().unwrap());
                assert!(page.contains(&text), "{}: {text}", entry.name);
            }
        }
        for part in ["<html lang=\"en\">", "<section lang=\"zh-CN\">", "由谁处理？", "Who should act?"] {
            assert!(page.contains(part), "{}: {part}", entry.name);
        }
        assert!(page.contains("<a href=\"/problems\">"));
    }
}

#[test]
fn the_list_leads_to_every_page() {
    let page = page(&app(), "/problems");
    for entry in entries() {
        assert!(page.contains(&format!("<a href=\"{}\">", path(&entry))), "{}", entry.name);
        for words in [entry.en, entry.zh] {
            for text in [words.title, words.meaning, words.action] {
                assert!(page.contains(&shown(text)), "{text}");
            }
        }
    }
}

#[test]
fn pages_are_plain_and_lead_only_to_what_is_there() {
    let with = app();
    let without = TestApp::accepting(&[("BRIDGE_SWAGGER_UI", "false")]);
    for path in ["/problems", "/problems/internal_error"] {
        let (with, without) = (page(&with, path), page(&without, path));
        assert!(with.contains("href=\"/swagger-ui/\"") && !without.contains("swagger"));
        for page in [with, without] {
            assert!(
                page.contains("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            );
            assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
            assert!(!page.contains('`') && page.len() < 64 * 1024, "{}", page.len());
            for element in ["article", "body", "code", "dl", "html", "main", "nav", "p", "section", "span"] {
                let (open, close) = (format!("<{element}>"), format!("</{element}>"));
                let opened = page.matches(&open).count() + page.matches(&format!("<{element} ")).count();
                assert_eq!(opened, page.matches(&close).count(), "{element}");
            }
        }
    }
}

#[test]
fn an_unknown_code_is_not_found_for_everyone() {
    let app = app();
    for code in ["nothing", "TOP_TIMEOUT", "top_timeout.html", "%3Cscript%3E", "top_timeout%00", "%zz"] {
        let path = format!("/problems/{code}");
        for accept in ["*/*", BROWSER] {
            let reply = app.send("GET", &path, &[("Accept", accept)], b"");
            assert_eq!(reply.status, 404, "{path}");
            assert_eq!(reply.problem("not_found")["instance"], path);
        }
        assert_eq!(app.get("HEAD", &path).status, 404);
    }
}

#[test]
fn the_type_of_a_problem_leads_to_its_page() {
    let app = app();
    let problem = app.push("{}").problem("validation_failed");
    let told = app.get("GET", problem["type"].as_str().unwrap()).json();
    for member in ["type", "code", "status", "retryable"] {
        assert_eq!(told[member], problem[member], "{member}");
    }
    assert_eq!(told["outcomes"][0], problem["outcome"]);
    assert_eq!(told["en"]["title"], problem["title"]);
}
