//! A row of the catalogue in whole sentences, in English and in Chinese: what happened, whether the push was
//! executed, whether to try again, what to do now, who should act.

use serde::Serialize;

use super::{Actor, Code};
use crate::delivery::Outcome;

/// The languages of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// For everyone.
    English,
    /// 中文.
    Chinese,
}

/// What there is to say of a problem, in one language. Between backticks stands what is literal.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The problem in a few words.
    pub title: &'static str,
    /// What happened.
    pub meaning: String,
    /// Whether the push was executed.
    pub executed: &'static str,
    /// Whether to try again.
    pub retry: &'static str,
    /// What to do now.
    pub action: String,
    /// Who should act.
    pub actor: &'static str,
}

impl Language {
    /// Every language, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The language's tag, BCP 47.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// The questions that an [`Explanation`] answers, in its order, the title aside.
    #[must_use]
    pub const fn questions(self) -> [&'static str; 5] {
        match self {
            Self::English => [
                "What happened?",
                "Was the push executed?",
                "Try again?",
                "What to do now?",
                "Who should act?",
            ],
            Self::Chinese => {
                ["发生了什么？", "推送是否已执行？", "是否重试？", "现在该怎么办？", "由谁处理？"]
            }
        }
    }

    /// A sentence of these words.
    fn sentence(self, words: &str) -> String {
        match self {
            Self::English => format!("{words}."),
            Self::Chinese => format!("{words}。"),
        }
    }
}

impl Explanation {
    /// What there is to say of `code` in `language`.
    #[must_use]
    pub fn of(code: Code, language: Language) -> Self {
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

    /// The answers to [`Language::questions`].
    #[must_use]
    pub fn answers(&self) -> [&str; 5] {
        [&self.meaning, self.executed, self.retry, &self.action, self.actor]
    }
}

const fn executed(code: Code, language: Language) -> &'static str {
    use Language::{Chinese, English};
    if matches!(code, Code::InternalError) {
        return match language {
            English => "Not if `outcome` is `not_executed`; perhaps if it is `unknown`.",
            Chinese => "`outcome` 为 `not_executed` 时没有执行；为 `unknown` 时可能已执行。",
        };
    }
    match (code.entry().outcome, language) {
        (Outcome::Accepted, English) => "Yes: TOP executed it.",
        (Outcome::Accepted, Chinese) => "已执行。",
        (Outcome::Rejected, English) => "No: TOP decided on it and said no.",
        (Outcome::Rejected, Chinese) => "没有执行：TOP 已作出决定，明确拒绝。",
        (Outcome::NotExecuted, English) => {
            "Not by this request, and that is proven: TOP's back end did not see it. If the answer has `prior_outcome`, an \
             earlier push with the same key may have been."
        }
        (Outcome::NotExecuted, Chinese) => {
            "本次请求没有执行，且可以证明：TOP 的后端没有收到。如果响应带有 `prior_outcome`，则此前使用同一个键的推送可能已被执行。"
        }
        (Outcome::Unknown, English) => "Perhaps; the bridge cannot tell.",
        (Outcome::Unknown, Chinese) => "可能已执行，本服务无法确定。",
    }
}

const fn retry(retryable: bool, language: Language) -> &'static str {
    match (retryable, language) {
        (true, Language::English) => "Yes, the same request may succeed later.",
        (true, Language::Chinese) => "可以，同样的请求稍后可能成功。",
        (false, Language::English) => "No, not before what caused it is mended.",
        (false, Language::Chinese) => "不要直接重试；请先解决问题，再重新发送。",
    }
}

const fn actor(actor: Actor, language: Language) -> &'static str {
    match (actor, language) {
        (Actor::Caller, Language::English) => "Whoever sent the request.",
        (Actor::Caller, Language::Chinese) => "调用方，即请求的发送者。",
        (Actor::Operator, Language::English) => "The bridge's operator; tell them the `request_id`.",
        (Actor::Operator, Language::Chinese) => "本服务的运维人员；请告知 `request_id`。",
        (Actor::Nobody, Language::English) => {
            "Nobody: it passes by itself, and a program can try again. If it lasts, tell the bridge's operator."
        }
        (Actor::Nobody, Language::Chinese) => {
            "无需人工处理：问题通常会自行恢复，由程序重试即可；如果持续出现，请告知本服务的运维人员。"
        }
    }
}
