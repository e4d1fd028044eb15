//! The catalogue of problems for its readers: JSON for programs, pages in two languages for browsers.

use mediation_bridge::api::problem::Code;
use strum::VariantArray;

use super::support::{Reply, TestApp};

/// The `Accept` header of a browser.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

fn app() -> TestApp {
    TestApp::accepting(&[])
}

fn path(code: Code) -> String {
    format!("/problems/{}", code.name())
}

fn ask(app: &TestApp, method: &str, path: &str, accept: &str) -> Reply {
    let reply = app.send(method, path, &[("Accept", accept)], b"");
    assert_eq!(reply.status, 200, "{path}");
    assert_eq!(reply.header("vary"), Some("Accept, Accept-Language"), "{path}");
    reply
}

fn page(app: &TestApp, path: &str) -> String {
    let reply = ask(app, "GET", path, BROWSER);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    reply.text()
}

/// The HTML of a text: escaped, with code in its own element.
fn shown(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let pieces = escaped.split('`').enumerate();
    pieces
        .map(|(index, piece)| if index % 2 == 1 { format!("<code>{piece}</code>") } else { piece.to_owned() })
        .collect()
}

#[test]
fn programs_get_json_and_browsers_get_a_page() {
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
    assert_eq!(list.len(), Code::VARIANTS.len());
    for (code, listed) in Code::VARIANTS.iter().copied().zip(list) {
        let entry = code.entry();
        let reply = app.get("GET", &path(code));
        assert_eq!(reply.json(), *listed);
        assert_eq!(listed["type"], path(code));
        assert_eq!(listed["code"], code.name());
        assert_eq!(listed["status"], entry.status.as_u16());
        let outcome: &str = entry.outcome.into();
        let outcomes =
            if code == Code::InternalError { vec!["not_executed", "unknown"] } else { vec![outcome] };
        assert_eq!(listed["outcomes"], serde_json::json!(outcomes));
        assert_eq!(listed["retryable"], entry.retryable);
        let actor: &str = entry.actor.into();
        assert_eq!(listed["actor"], actor);
        for (language, words, stop) in [("en", entry.en, "."), ("zh", entry.zh, "。")] {
            let told = &listed[language];
            assert_eq!(told["title"], words.title);
            assert_eq!(told["meaning"], format!("{}{stop}", words.meaning));
            assert_eq!(told["action"], format!("{}{stop}", words.action));
            for member in ["executed", "retry", "actor"] {
                assert!(told[member].as_str().unwrap().ends_with(stop), "{member}: {told}");
            }
        }
        // Chinese is not escaped.
        assert!(reply.text().contains(entry.zh.title));
    }
}

#[test]
fn a_page_answers_the_five_questions_in_both_languages() {
    let app = app();
    for code in Code::VARIANTS.iter().copied() {
        let name = code.name();
        let (page, told) = (page(&app, &path(code)), app.get("GET", &path(code)).json());
        for tag in ["en", "zh"] {
            for member in ["title", "meaning", "executed", "retry", "action", "actor"] {
                let text = shown(told[tag][member].as_str().unwrap());
                assert!(page.contains(&text), "{name}: {text}");
            }
        }
        for part in ["<html lang=\"en\">", "<section lang=\"zh-CN\">", "由谁处理？", "Who should act?"] {
            assert!(page.contains(part), "{name}: {part}");
        }
        assert!(page.contains("<a href=\"../problems\">"));
    }
}

#[test]
fn the_list_links_to_every_page() {
    let page = page(&app(), "/problems");
    for code in Code::VARIANTS.iter().copied() {
        // Relative, so that a proxy may strip a path prefix.
        let name = code.name();
        assert!(page.contains(&format!("<a href=\"problems/{name}\">")), "{name}");
        assert!(page.contains(&format!("<a href=\"#{name}\">")), "{name}");
        for words in [code.entry().en, code.entry().zh] {
            for text in [words.title, words.meaning, words.action] {
                assert!(page.contains(&shown(text)), "{text}");
            }
        }
    }
}

#[test]
fn pages_have_no_scripts_and_only_valid_links() {
    let with = app();
    let without = TestApp::accepting(&[("BRIDGE_SWAGGER_UI", "false")]);
    for path in ["/problems", "/problems/internal_error"] {
        let (with, without) = (page(&with, path), page(&without, path));
        assert!(!with.contains("href=\"/"), "links are relative");
        assert!(with.contains("swagger-ui/\"") && !without.contains("swagger"));
        for page in [with, without] {
            assert!(
                page.contains("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            );
            for foreign in ["<script", "=\"http", "=\"//", "url(", "@import"] {
                assert!(!page.contains(foreign), "{foreign}");
            }
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
fn the_preferred_language_comes_first() {
    let app = app();
    for (language, html, first, then) in [
        ("zh-CN,zh;q=0.9,en;q=0.8", "<html lang=\"zh-CN\">", "TOP 未及时响应", "TOP did not answer in time"),
        ("en,zh;q=0.5", "<html lang=\"en\">", "TOP did not answer in time", "TOP 未及时响应"),
        ("fr", "<html lang=\"en\">", "TOP did not answer in time", "TOP 未及时响应"),
    ] {
        let headers = [("Accept", BROWSER), ("Accept-Language", language)];
        for path in ["/problems/top_timeout", "/problems"] {
            let reply = app.send("GET", path, &headers, b"");
            let page = reply.text();
            assert!(page.contains(html), "{language}");
            assert!(page.find(first).unwrap() < page.find(then).unwrap(), "{language}");
            let tag = if html.contains("zh") { "zh-CN" } else { "en" };
            assert_eq!(reply.header("content-language"), Some(tag));
        }
    }
}

#[test]
fn the_title_of_a_problem_is_in_the_callers_language() {
    let app = app();
    for (language, tag, title) in
        [("zh", "zh-CN", "请求未通过校验"), ("en", "en", "The request failed validation")]
    {
        let headers = [("Content-Type", "application/json"), ("Accept-Language", language)];
        let reply = app.push_with("DEMO-1", &headers, b"{}");
        assert_eq!(reply.problem("validation_failed")["title"], title);
        assert_eq!(reply.header("content-language"), Some(tag));
        assert_eq!(reply.header("vary"), Some("Accept-Language"));
        assert!(reply.json()["detail"].as_str().unwrap().is_ascii(), "detail stays English");
    }
}

#[test]
fn an_unknown_code_is_not_found() {
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
fn the_type_of_a_problem_is_the_path_of_its_page() {
    let app = app();
    let problem = app.push("{}").problem("validation_failed");
    let told = app.get("GET", problem["type"].as_str().unwrap()).json();
    for member in ["type", "code", "status", "retryable"] {
        assert_eq!(told[member], problem[member], "{member}");
    }
    assert_eq!(told["outcomes"][0], problem["outcome"]);
    assert_eq!(told["en"]["title"], problem["title"]);
}
