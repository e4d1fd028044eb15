//! The pages of the catalogue: HTML without scripts and without foreign requests, in both languages, the reader's
//! language first. They support light and dark mode and narrow screens. Links are relative, so that a proxy may strip a
//! path prefix.

use std::iter::zip;

use maud::{DOCTYPE, Markup, html};
use strum::{IntoEnumIterator, VariantArray};

use super::super::catalogue::{Actor, Code};
use super::super::explanation::{Explanation, Language};
use crate::delivery::Outcome;

/// The style of every page. On narrow screens columns become rows. Colours follow the reader's system, and the words
/// also say what the colours mean.
const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1c1f23;--soft:#5a6370;--back:#fff;--card:#f6f7f9;--line:#d9dde3;--link:#0b57b0;\
--good:#0f6b3c;--good-back:#dff5e7;--care:#7a4b00;--care-back:#fdeccb;--bad:#9b1c1c;--bad-back:#fde3e3;--calm:#3d4856;\
--calm-back:#e6e9ee}\
@media(prefers-color-scheme:dark){:root{--text:#e6e8eb;--soft:#a0a8b4;--back:#15181c;--card:#1d2127;--line:#343a43;\
--link:#7fb3ff;--good:#8be0b0;--good-back:#143524;--care:#f5c66b;--care-back:#3b2c0c;--bad:#ff9d9d;--bad-back:#431b1b;\
--calm:#c3cad4;--calm-back:#2a3038}}\
*{box-sizing:border-box}\
body{margin:0 auto;max-width:68rem;padding:1rem;font:1rem/1.6 system-ui,-apple-system,'PingFang SC','Microsoft YaHei',\
'Noto Sans CJK SC',sans-serif;color:var(--text);background:var(--back);overflow-wrap:anywhere}\
a{color:var(--link)}\
code{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.9em}\
h1,h2,h3{line-height:1.3;margin:1.25rem 0 .5rem}\
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding-bottom:.75rem;border-bottom:1px solid var(--line)}\
.soft{color:var(--soft)}\
.badges{display:flex;flex-wrap:wrap;gap:.4rem;margin:.4rem 0}\
.badge{border-radius:1rem;padding:.05rem .7rem;font-size:.85rem;white-space:nowrap;background:var(--calm-back);\
color:var(--calm)}\
.good{background:var(--good-back);color:var(--good)}\
.care{background:var(--care-back);color:var(--care)}\
.bad{background:var(--bad-back);color:var(--bad)}\
.index{width:100%;border-collapse:collapse;font-size:.95rem}\
.index th,.index td:first-child{white-space:nowrap}\
.index th{text-align:left;color:var(--soft);font-weight:600;font-size:.85rem}\
.index th,.index td{padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
article{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.25rem 1.1rem 1rem;margin:1rem 0}\
.languages{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:0 2rem}\
dt{font-weight:600;font-size:.9rem;color:var(--soft)}\
dd{margin:0 0 .8rem}\
@media(max-width:40rem){.index th:nth-child(3),.index td:nth-child(3),.index th:nth-child(5),\
.index td:nth-child(5){display:none}}";

/// The page of the whole catalogue.
pub(super) fn list(first: Language, swagger_ui: bool) -> String {
    let title = in_language(first, "Problems", "问题一览");
    let introduction = in_language(
        first,
        "The answers of the bridge if a push was not accepted: what they mean, and what to do now.",
        "本服务未能确认推送成功时返回的问题一览：每种问题的含义和处理办法。",
    );
    let body = html! {
        h1 { (title) }
        p { (introduction) }
        (index(first))
        @for code in Code::VARIANTS {
            article id=(code.name()) {
                h2 { a href={ "problems/" (code.name()) } { code { (code.name()) } } }
                (badges(*code, first))
                div.languages {
                    @for language in languages(first) {
                        @let explanation = Explanation::new(*code, language);
                        section lang=(language.tag()) {
                            h3 { (explanation.title) }
                            p { (text(&explanation.meaning)) }
                            p { (text(&explanation.action)) }
                        }
                    }
                }
            }
        }
    };
    page(first, title, &links("", None, swagger_ui), &body)
}

/// The page of one kind of problem.
pub(super) fn one(code: Code, first: Language, swagger_ui: bool) -> String {
    let all = in_language(first, "All problems", "全部问题");
    let body = html! {
        h1 { code { (code.name()) } }
        (badges(code, first))
        div.languages {
            @for language in languages(first) {
                @let explanation = Explanation::new(code, language);
                section lang=(language.tag()) {
                    h2 { (explanation.title) }
                    dl {
                        @for (question, answer) in zip(language.questions(), explanation.answers()) {
                            dt { (question) }
                            dd { (text(answer)) }
                        }
                    }
                }
            }
        }
    };
    page(first, code.name(), &links("../", Some(all), swagger_ui), &body)
}

/// The table of all problems.
fn index(language: Language) -> Markup {
    let heads = match language {
        Language::English => ["Status", "Code", "Title", "Executed?", "Who acts"],
        Language::Chinese => ["状态码", "代码", "标题", "是否执行", "由谁处理"],
    };
    html! {
        table.index {
            thead { tr { @for head in heads { th { (head) } } } }
            tbody {
                @for code in Code::VARIANTS {
                    tr {
                        td { (code.entry().status.as_str()) }
                        td { a href={ "#" (code.name()) } { code { (code.name()) } } }
                        td { (language.title(*code)) }
                        td { @for outcome in code.outcomes() { (outcome_badge(outcome, language)) " " } }
                        td { (actor(code.entry().actor, language)) }
                    }
                }
            }
        }
    }
}

/// The values for programs, as coloured labels.
fn badges(code: Code, language: Language) -> Markup {
    let entry = code.entry();
    html! {
        div.badges {
            span.badge { "HTTP " (entry.status.as_str()) }
            @for outcome in code.outcomes() { (outcome_badge(outcome, language)) }
            @if entry.retryable {
                span.badge.good { (in_language(language, "retry", "可重试")) }
            } @else {
                span.badge { (in_language(language, "do not retry", "不可重试")) }
            }
            span.badge { (in_language(language, "acts: ", "处理：")) (actor(entry.actor, language)) }
        }
    }
}

fn outcome_badge(outcome: Outcome, language: Language) -> Markup {
    let (colour, word) = match outcome {
        Outcome::Accepted => ("good", in_language(language, "executed", "已执行")),
        Outcome::NotExecuted => ("good", in_language(language, "not executed", "未执行")),
        Outcome::Rejected => ("bad", in_language(language, "rejected", "已拒绝")),
        Outcome::Unknown => ("care", in_language(language, "may be executed", "可能已执行")),
    };
    let name: &str = outcome.into();
    html! { span.badge.(colour) title={ "outcome " (name) } { (word) } }
}

fn actor(actor: Actor, language: Language) -> &'static str {
    match actor {
        Actor::Caller => in_language(language, "caller", "调用方"),
        Actor::Operator => in_language(language, "operator", "运维人员"),
        Actor::Nobody => in_language(language, "nobody", "无需人工"),
    }
}

const fn in_language(language: Language, english: &'static str, chinese: &'static str) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// Both languages, the reader's language first.
fn languages(first: Language) -> impl Iterator<Item = Language> {
    [first].into_iter().chain(Language::iter().filter(move |language| *language != first))
}

/// The links to the list, except on the list itself, and to the documents. `root` is the relative path of the bridge's
/// root.
fn links(root: &str, list: Option<&str>, swagger_ui: bool) -> Markup {
    html! {
        nav {
            @if let Some(list) = list { a href={ (root) "problems" } { (list) } }
            @if swagger_ui { a href={ (root) "swagger-ui/" } { "Swagger UI" } }
            a href={ (root) "openapi.json" } { "OpenAPI" }
        }
    }
}

fn page(language: Language, title: &str, nav: &Markup, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · mediation-bridge" }
                // An empty icon keeps browsers from requesting `/favicon.ico`.
                link rel="icon" href="data:,";
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                header { (nav) }
                main { (body) }
            }
        }
    };
    page.into_string()
}

/// Renders a text; what is between backticks becomes code.
fn text(words: &str) -> Markup {
    html! {
        @for (index, piece) in words.split('`').enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_inside_and_outside_code() {
        let shown = text("a < b & `<script>` c").into_string();
        assert_eq!(shown, "a &lt; b &amp; <code>&lt;script&gt;</code> c");
        assert_eq!(text("键").into_string(), "键");
    }

    #[test]
    fn labels_say_in_the_readers_language_what_programs_are_told() {
        for code in Code::VARIANTS {
            let entry = code.entry();
            let actor = match entry.actor {
                Actor::Caller => ["caller", "调用方"],
                Actor::Operator => ["operator", "运维人员"],
                Actor::Nobody => ["nobody", "无需人工"],
            };
            let retry =
                if entry.retryable { ["retry", "可重试"] } else { ["do not retry", "不可重试"] };
            let outcomes = code.outcomes().into_iter().map(|outcome| match outcome {
                Outcome::Accepted => ["executed", "已执行"],
                Outcome::NotExecuted => ["not executed", "未执行"],
                Outcome::Rejected => ["rejected", "已拒绝"],
                Outcome::Unknown => ["may be executed", "可能已执行"],
            });
            let labels: Vec<[&str; 2]> = outcomes.chain([actor, retry]).collect();
            for (index, language) in [Language::English, Language::Chinese].into_iter().enumerate() {
                let pages = [list(language, false), one(*code, language, false)];
                for label in labels.iter().map(|words| words[index]) {
                    assert!(pages[1].contains(&format!("{label}</span>")), "{code:?}: {label}");
                }
                assert!(pages[0].contains(&format!("<td>{}</td>", actor[index])), "{code:?}");
            }
        }
    }

    #[test]
    fn backticks_come_in_pairs() {
        for code in Code::VARIANTS {
            for language in Language::iter() {
                let explanation = Explanation::new(*code, language);
                for answer in explanation.answers().into_iter().chain([explanation.title]) {
                    assert_eq!(answer.matches('`').count() % 2, 0, "{answer}");
                }
            }
        }
    }
}
