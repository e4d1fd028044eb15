//! The pages of the catalogue: HTML without a script, in both languages, for screens of any width.
//!
//! All text goes through [`text`], which escapes it.

use std::iter::zip;

use html_escape::encode_text;

use super::super::catalogue::Code;
use super::super::catalogue::words::{Explanation, Language};
use super::super::docs::{OPENAPI, SWAGGER_UI};
use super::super::problem::type_of;
use super::PROBLEMS;

/// The style of every page. Columns become rows where the screen is narrow, and colours follow the reader's system.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0 auto;max-width:64rem;padding:1rem;font:1rem/1.6 system-ui,sans-serif;overflow-wrap:anywhere}\
code{font-family:ui-monospace,monospace;font-size:.9em}\
h1,h2,h3{line-height:1.3}\
article{border-top:1px solid #8886;padding-bottom:.5rem}\
.languages{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(19rem,100%),1fr));gap:0 2rem}\
.facts{opacity:.8}\
dt{font-weight:600}\
dd{margin:0 0 .75rem}\
nav a{margin-right:1rem}";

/// The page of the whole catalogue.
pub(super) fn list(swagger_ui: bool) -> String {
    let entries: String = Code::ALL.iter().copied().map(summary).collect();
    let heading = "<h1>Problems <span lang=\"zh-CN\">问题一览</span></h1>\n\
        <div class=\"languages\">\n\
        <p>What the bridge says when it cannot say that a push was accepted: what it means, and what to do now.</p>\n\
        <p lang=\"zh-CN\">本服务无法确认推送已被接受时返回的各种问题：是什么意思，现在该怎么办。</p>\n\
        </div>\n";
    page("Problems 问题一览", &links(true, swagger_ui), &format!("{heading}{entries}"))
}

/// The page of one kind of problem.
pub(super) fn one(code: Code, swagger_ui: bool) -> String {
    let columns: String = Language::ALL.into_iter().map(|language| column(code, language)).collect();
    let name = encode_text(code.entry().name);
    let body =
        format!("<h1><code>{name}</code></h1>\n{}<div class=\"languages\">\n{columns}</div>\n", facts(code));
    page(&name, &links(false, swagger_ui), &body)
}

/// A problem in the list: its title, what it means and what to do now.
fn summary(code: Code) -> String {
    let columns: String = Language::ALL.into_iter().map(|language| short_column(code, language)).collect();
    let (name, path) = (encode_text(code.entry().name), type_of(code));
    format!(
        "<article id=\"{name}\">\n<h2><a href=\"{path}\"><code>{name}</code></a></h2>\n{}\
         <div class=\"languages\">\n{columns}</div>\n</article>\n",
        facts(code)
    )
}

/// What the list says of a problem in one language.
fn short_column(code: Code, language: Language) -> String {
    let explanation = Explanation::of(code, language);
    format!(
        "<section lang=\"{}\">\n<h3>{}</h3>\n<p>{}</p>\n<p>{}</p>\n</section>\n",
        language.tag(),
        text(explanation.title),
        text(&explanation.meaning),
        text(&explanation.action),
    )
}

/// All that there is to say of a problem in one language.
fn column(code: Code, language: Language) -> String {
    let explanation = Explanation::of(code, language);
    let answers: String = zip(language.questions(), explanation.answers()).map(answer).collect();
    let (tag, title) = (language.tag(), text(explanation.title));
    format!("<section lang=\"{tag}\">\n<h2>{title}</h2>\n<dl>\n{answers}</dl>\n</section>\n")
}

fn answer((question, answer): (&str, &str)) -> String {
    format!("<dt>{}</dt>\n<dd>{}</dd>\n", text(question), text(answer))
}

/// What programs read of a problem.
fn facts(code: Code) -> String {
    let entry = code.entry();
    let outcomes: Vec<&str> = code.outcomes().iter().map(|outcome| outcome.name()).collect();
    format!(
        "<p class=\"facts\"><code>status {}</code> · <code>outcome {}</code> · <code>retryable {}</code></p>\n",
        entry.status.as_u16(),
        outcomes.join(" / "),
        entry.retryable
    )
}

/// The way to the list, unless the page is it, and to the interface.
fn links(is_list: bool, swagger_ui: bool) -> String {
    let list = (!is_list)
        .then(|| format!("<a href=\"{PROBLEMS}\">All problems <span lang=\"zh-CN\">全部问题</span></a>\n"));
    let swagger_ui = swagger_ui.then(|| format!("<a href=\"{SWAGGER_UI}\">Swagger UI</a>\n"));
    let (list, swagger_ui) = (list.unwrap_or_default(), swagger_ui.unwrap_or_default());
    format!("<nav>\n{list}{swagger_ui}<a href=\"{OPENAPI}\">OpenAPI</a>\n</nav>\n")
}

/// A whole page. `title` is escaped already, `nav` and `body` are HTML.
fn page(title: &str, nav: &str, body: &str) -> String {
    // The empty icon keeps browsers from asking for one that is not there.
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · mediation-bridge</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header>\n{nav}</header>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Text as HTML: escaped, and what stands between backticks as code.
fn text(words: &str) -> String {
    let piece = |(place, piece): (usize, &str)| {
        let piece = encode_text(piece);
        if place % 2 == 1 { format!("<code>{piece}</code>") } else { piece.into_owned() }
    };
    words.split('`').enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_within_code_and_without() {
        assert_eq!(text("a < b & `<script>` c"), "a &lt; b &amp; <code>&lt;script&gt;</code> c");
        assert_eq!(text("键"), "键");
    }

    #[test]
    fn backticks_come_in_pairs() {
        for code in Code::ALL {
            for language in Language::ALL {
                let explanation = Explanation::of(*code, language);
                for answer in explanation.answers().into_iter().chain([explanation.title]) {
                    assert_eq!(answer.matches('`').count() % 2, 0, "{answer}");
                }
            }
        }
    }
}
