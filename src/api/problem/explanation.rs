//! Turns a row of the catalogue into sentences, in English and Chinese: what happened, whether the push was executed,
//! whether to retry, what to do and who should act.

use std::cmp::Reverse;

use actix_web::http::header::{HeaderValue, Quality, QualityItem};
use serde::Serialize;
use strum::EnumIter;
use utoipa::ToSchema;

use super::catalogue::{Actor, Code};
use crate::api::schema::Sentence;
use crate::delivery::Outcome;

/// The languages of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter)]
pub enum Language {
    /// English, the default.
    English,
    /// Chinese.
    Chinese,
}

/// The explanation of a problem in one language. Literals are between backticks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProblemExplanation)]
pub struct Explanation {
    /// The problem in a few words.
    #[schema(value_type = Sentence)]
    pub title: &'static str,
    /// What happened.
    #[schema(value_type = Sentence)]
    pub meaning: String,
    /// Whether the push was executed.
    #[schema(value_type = Sentence)]
    pub executed: &'static str,
    /// Whether to retry.
    #[schema(value_type = Sentence)]
    pub retry: &'static str,
    /// What to do now.
    #[schema(value_type = Sentence)]
    pub action: String,
    /// Who should act.
    #[schema(value_type = Sentence)]
    pub actor: &'static str,
}

impl Language {
    /// The language that an `Accept-Language` header prefers; English if it prefers neither.
    #[must_use]
    pub fn preferred(header: Option<&HeaderValue>) -> Self {
        let items = header.and_then(|value| value.to_str().ok()).unwrap_or_default().split(',');
        let ranges: Vec<QualityItem<String>> = items.filter_map(|item| item.trim().parse().ok()).collect();
        // The highest quality of a language, then its first position.
        let named = |tag: &str| {
            let primary = |range: &QualityItem<String>| {
                range.item.split('-').next().is_some_and(|primary| primary.eq_ignore_ascii_case(tag))
            };
            let known = ranges.iter().enumerate().filter(|(_, range)| primary(range));
            known.map(|(index, range)| (range.quality, Reverse(index))).max()
        };
        // `*` stands for a language that is not named. Quality 0 excludes one.
        let rank = |tag| named(tag).or_else(|| named("*")).filter(|(quality, _)| *quality > Quality::ZERO);
        if rank("zh") > rank("en") { Self::Chinese } else { Self::English }
    }

    /// The BCP 47 tag of the language.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// The questions that an [`Explanation`] answers, in order, without the title.
    #[must_use]
    pub const fn questions(self) -> [&'static str; 5] {
        match self {
            Self::English => {
                ["What happened?", "Was the push executed?", "Retry?", "What to do now?", "Who should act?"]
            }
            Self::Chinese => {
                ["发生了什么？", "推送是否已执行？", "是否重试？", "现在该怎么办？", "由谁处理？"]
            }
        }
    }

    /// The title of a problem.
    #[must_use]
    pub fn title(self, code: Code) -> &'static str {
        match self {
            Self::English => code.entry().en.title,
            Self::Chinese => code.entry().zh.title,
        }
    }

    fn sentence(self, words: &str) -> String {
        match self {
            Self::English => format!("{words}."),
            Self::Chinese => format!("{words}。"),
        }
    }
}

impl Explanation {
    /// The explanation of `code` in `language`.
    #[must_use]
    pub fn new(code: Code, language: Language) -> Self {
        let entry = code.entry();
        let words = match language {
            Language::English => entry.en,
            Language::Chinese => entry.zh,
        };
        Self {
            title: words.title,
            meaning: language.sentence(words.meaning),
            executed: executed(code, language),
            retry: retry(entry.retryable, language),
            action: language.sentence(words.action),
            actor: actor(entry.actor, language),
        }
    }

    /// The answers to [`Language::questions`], in order.
    #[must_use]
    pub fn answers(&self) -> [&str; 5] {
        [&self.meaning, self.executed, self.retry, &self.action, self.actor]
    }
}

fn executed(code: Code, language: Language) -> &'static str {
    use Language::{Chinese, English};
    match (code, code.entry().outcome, language) {
        (Code::InternalError, _, English) => {
            "No if `outcome` is `not_executed`; possibly if it is `unknown`."
        }
        (Code::InternalError, _, Chinese) => {
            "`outcome` 为 `not_executed` 时没有执行；为 `unknown` 时可能已执行。"
        }
        (_, Outcome::Accepted, English) => "Yes: TOP executed it.",
        (_, Outcome::Accepted, Chinese) => "已执行。",
        (_, Outcome::Rejected, English) => {
            "Not by this request: TOP decided on it and refused. If the answer has `prior_outcome`, an earlier push with the same \
             key may have been executed."
        }
        (_, Outcome::Rejected, Chinese) => {
            "本次请求没有执行：TOP 已作出决定，明确拒绝。如果响应带有 `prior_outcome`，则此前使用同一幂等键的推送可能已被执行。"
        }
        (_, Outcome::NotExecuted, English) => {
            "Not by this request, which is proven: TOP's back end did not see it. If the answer has `prior_outcome`, an \
             earlier push with the same key may have been executed."
        }
        (_, Outcome::NotExecuted, Chinese) => {
            "本次请求没有执行，且可以证明：TOP 的后端没有收到。如果响应带有 `prior_outcome`，则此前使用同一幂等键的推送可能已被执行。"
        }
        (_, Outcome::Unknown, English) => "Possibly; the bridge cannot tell.",
        (_, Outcome::Unknown, Chinese) => "可能已执行，本服务无法确定。",
    }
}

const fn retry(retryable: bool, language: Language) -> &'static str {
    match (retryable, language) {
        (true, Language::English) => "Yes, the same request may succeed later.",
        (true, Language::Chinese) => "可以，同样的请求稍后可能成功。",
        (false, Language::English) => "No, not before its cause is fixed.",
        (false, Language::Chinese) => "不要直接重试；请先解决问题，再重新发送。",
    }
}

const fn actor(actor: Actor, language: Language) -> &'static str {
    match (actor, language) {
        (Actor::Caller, Language::English) => "The caller, who sent the request.",
        (Actor::Caller, Language::Chinese) => "调用方，即请求的发送者。",
        (Actor::Operator, Language::English) => "The bridge's operator; tell them the `request_id`.",
        (Actor::Operator, Language::Chinese) => "本服务的运维人员；请告知 `request_id`。",
        (Actor::Nobody, Language::English) => {
            "Nobody: it passes by itself, and a program can retry. If it persists, tell the bridge's operator."
        }
        (Actor::Nobody, Language::Chinese) => {
            "无需人工处理：故障通常会自行恢复，由程序重试即可；如果持续出现，请告知本服务的运维人员。"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_is_chosen() {
        let table = [
            (None, Language::English),
            (Some(""), Language::English),
            (Some("zh"), Language::Chinese),
            (Some("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese),
            (Some("ZH-hant-TW"), Language::Chinese),
            (Some("en-US,en;q=0.9,zh;q=0.8"), Language::English),
            (Some("en;q=0.5, zh;q=0.7"), Language::Chinese),
            (Some("de, fr;q=0.9, zh;q=0.1"), Language::Chinese),
            (Some("de"), Language::English),
            (Some("*, zh;q=0.5"), Language::English),
            (Some("zh;q=0"), Language::English),
            (Some("zh-TW;q=0.1, en;q=0.5, zh;q=0.9"), Language::Chinese),
            (Some("*;q=0.9, en;q=0.1"), Language::Chinese),
            (Some("en;q=0, *"), Language::Chinese),
            (Some("*"), Language::English),
            (Some("zh;q=x, nonsense;;"), Language::English),
        ];
        for (header, expected) in table {
            let value = header.map(|text| HeaderValue::from_str(text).unwrap());
            assert_eq!(Language::preferred(value.as_ref()), expected, "{header:?}");
        }
    }
}
