//! The table of problems: status, outcome, who has to act, and, in English and Chinese, what the problem means and what
//! to do.
//!
//! Answers, the OpenAPI document, the pages under `/problems` and the tables of the guides are generated from this
//! table or compared with it.

use actix_web::http::StatusCode;
use serde::Serialize;
use strum::{EnumIter, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::delivery::Outcome;

/// The values that all problems of one [`Code`] share.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The HTTP status.
    pub status: StatusCode,
    /// Whether the push was executed. For `internal_error`, the value once a call has begun.
    pub outcome: Outcome,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The value of `Retry-After` in seconds if TOP sends none; `None` if the header is not sent.
    pub retry_after: Option<u64>,
    /// Who has to act.
    pub actor: Actor,
    /// The texts in English.
    pub en: Words,
    /// The texts in Chinese.
    pub zh: Words,
}

/// Who has to act before the request can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, EnumIter, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Actor {
    /// The caller.
    Caller,
    /// The operator of the bridge.
    Operator,
    /// Nobody: the problem passes by itself, and the caller's program retries.
    Nobody,
}

/// The texts of a row in one language, without the full stop. Literals are between backticks.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// The title, a few words.
    pub title: &'static str,
    /// The cause of the problem.
    pub meaning: &'static str,
    /// What the caller should do.
    pub action: &'static str,
}

impl Code {
    /// The value of the member `code`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The values that `outcome` can have.
    #[must_use]
    pub fn outcomes(self) -> Vec<Outcome> {
        // Before the first attempt nothing was sent.
        let before = (self == Self::InternalError).then_some(Outcome::NotExecuted);
        before.into_iter().chain([self.entry().outcome]).collect()
    }
}

/// Generates [`Code`] and its entries from the rows of the table.
macro_rules! problems {
    ($($code:ident {
        status: $status:ident, outcome: $outcome:ident, retryable: $retryable:literal,
        $(retry_after: $retry_after:literal,)? actor: $actor:ident,
        title: $title:literal / $title_zh:literal,
        meaning: $meaning:literal / $meaning_zh:literal,
        action: $action:literal / $action_zh:literal,
    })+) => {
        /// The kind of a problem, the value of the member `code`.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, EnumString, IntoStaticStr, VariantArray, ToSchema,
        )]
        #[serde(rename_all = "snake_case")]
        #[strum(serialize_all = "snake_case")]
        #[schema(as = ProblemCode)]
        #[expect(missing_docs, reason = "the table documents them")]
        pub enum Code {
            $($code,)+
        }

        impl Code {
            /// The problem's row of the table.
            #[must_use]
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$code => &Entry {
                        status: StatusCode::$status,
                        outcome: Outcome::$outcome,
                        retryable: $retryable,
                        retry_after: problems!(@seconds $($retry_after)?),
                        actor: Actor::$actor,
                        en: Words { title: $title, meaning: $meaning, action: $action },
                        zh: Words { title: $title_zh, meaning: $meaning_zh, action: $action_zh },
                    },)+
                }
            }
        }
    };
    (@seconds $seconds:literal) => { Some($seconds) };
    (@seconds) => { None };
}

problems! {
    MalformedJson {
        status: BAD_REQUEST, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The body is not JSON" / "请求体不是 JSON",
        meaning: "The body is empty, not JSON or not UTF-8, begins with a byte order mark, or contains a lone \
            surrogate, a number beyond the range of a double or more than 127 levels of nesting"
            / "请求体为空、不是 JSON 或不是 UTF-8，以字节顺序标记（BOM）开头，或含有不成对的代理项、\
            双精度浮点数无法表示的数字、超过 127 层的嵌套",
        action: "Fix the client that builds the body; `detail` says where reading stopped"
            / "修正生成请求体的客户端；`detail` 会指出解析在何处失败",
    }
    Unauthenticated {
        status: UNAUTHORIZED, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The caller is not authenticated" / "调用方未通过身份验证",
        meaning: "There is no bearer token, or one that this bridge does not know"
            / "请求没有携带 Bearer 令牌，或令牌无效",
        action: "Send `Authorization: Bearer TOKEN` with the token that the bridge's operator gave you"
            / "发送 `Authorization: Bearer TOKEN`，其中 TOKEN 是本服务运维人员发放的令牌",
    }
    NotFound {
        status: NOT_FOUND, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The path does not exist" / "路径不存在",
        meaning: "This service does not have this path" / "本服务没有这个路径",
        action: "Check the path against `/openapi.json`; a push is `POST /mediations/{case_id}/result`"
            / "对照 `/openapi.json` 检查路径；推送接口为 `POST /mediations/{case_id}/result`",
    }
    MethodNotAllowed {
        status: METHOD_NOT_ALLOWED, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The path does not support this method" / "该路径不支持此请求方法",
        meaning: "The path exists, but not with this method" / "路径存在，但不支持所用的请求方法",
        action: "Use a method that the header `Allow` names" / "改用响应头 `Allow` 列出的方法",
    }
    RequestTimeout {
        status: REQUEST_TIMEOUT, outcome: NotExecuted, retryable: true, actor: Caller,
        title: "The body arrived too slowly" / "请求体到达过慢",
        meaning: "The body had not arrived when the bridge's deadline passed" / "在本服务的时限内未能收全请求体",
        action: "Send it again; if it happens often, check the network between you and the bridge"
            / "重新发送；如果经常发生，请检查调用方与本服务之间的网络",
    }
    IdempotencyInFlight {
        status: CONFLICT, outcome: Unknown, retryable: true, retry_after: 1, actor: Nobody,
        title: "A push with this key is in flight" / "使用该幂等键的推送正在处理中",
        meaning: "Another push with the same `Idempotency-Key` and the same request is in flight, and may be executed"
            / "另一次使用相同 `Idempotency-Key` 且内容相同的推送正在处理中，可能已被执行或即将被执行",
        action: "Wait as long as `Retry-After` says, then send it again with the same key: if TOP has decided by then \
            you get that answer, else the push runs again"
            / "按 `Retry-After` 等待后，用同一个幂等键重新发送：届时若 TOP 已作出决定，将得到该推送的响应，\
            否则会重新推送",
    }
    PayloadTooLarge {
        status: PAYLOAD_TOO_LARGE, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The body is too large" / "请求体过大",
        meaning: "The body has more bytes than the bridge accepts" / "请求体的字节数超过本服务的上限",
        action: "Shorten it; every valid push fits" / "缩短请求体；任何合法的推送都不会超限",
    }
    UnsupportedMediaType {
        status: UNSUPPORTED_MEDIA_TYPE, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The body is not declared as plain JSON" / "请求体未声明为普通 JSON",
        meaning: "`Content-Type` is missing or not `application/json`, or there is a `Content-Encoding`"
            / "缺少 `Content-Type` 或其值不是 `application/json`，或者带有 `Content-Encoding`",
        action: "Send `Content-Type: application/json` and no `Content-Encoding`"
            / "发送 `Content-Type: application/json`，不要带 `Content-Encoding`",
    }
    MisdirectedRequest {
        status: MISDIRECTED_REQUEST, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The request is for another host" / "请求的 Host 不是本服务",
        meaning: "This bridge listens on a loopback address without callers, and the header `Host` names another host: \
            a web page may have sent the request through your browser"
            / "本服务监听在本机回环地址且未配置调用方，而请求头 `Host` 指向其他主机：\
            请求可能是某个网页借用你的浏览器发出的",
        action: "Use `http://127.0.0.1` or `http://localhost` with the bridge's port, or have its operator configure \
            callers"
            / "改用 `http://127.0.0.1` 或 `http://localhost` 加本服务的端口，或由运维人员配置调用方",
    }
    ValidationFailed {
        status: UNPROCESSABLE_ENTITY, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The request failed validation" / "请求未通过校验",
        meaning: "A member or the `case_id` is missing, unknown, repeated or invalid, or the `Idempotency-Key` is \
            invalid or not available at this bridge"
            / "某个字段或 `case_id` 缺失、未知、重复或不合法，或者 `Idempotency-Key` 不合法，或本服务未启用幂等键",
        action: "Fix what `errors` lists; it lists everything at once" / "按 `errors` 逐项修正；所有问题已一次列出",
    }
    IdempotencyKeyReused {
        status: UNPROCESSABLE_ENTITY, outcome: NotExecuted, retryable: false, actor: Caller,
        title: "The key belongs to another request" / "该幂等键已用于另一个请求",
        meaning: "The `Idempotency-Key` was used before, or is in flight, with another request for the same case"
            / "该 `Idempotency-Key` 已用于或正用于同一案件的另一个请求",
        action: "Use a new key for every new request; with an old key, send exactly the request that it was first used \
            with"
            / "每个新请求都使用新的幂等键；沿用旧键时，必须发送与首次使用时完全相同的请求",
    }
    TopRejected {
        status: UNPROCESSABLE_ENTITY, outcome: Rejected, retryable: false, actor: Caller,
        title: "TOP rejected the push" / "TOP 拒绝了这次推送",
        meaning: "TOP decided on the push and refused it; with `prior_outcome`, a refusal such as a duplicate may mean \
            that the earlier try was executed"
            / "TOP 已对这次推送作出决定，明确拒绝；如果响应带有 `prior_outcome`，\
            则“重复”之类的拒绝可能说明此前的推送已被执行",
        action: "Read `top.sub_msg`, fix the data or ask Jiaoyimao; the same push will be rejected again"
            / "查看 `top.sub_msg`，修正数据或咨询交易猫；原样重发仍会被拒绝",
    }
    TopRateLimited {
        status: TOO_MANY_REQUESTS, outcome: NotExecuted, retryable: true, retry_after: 1, actor: Nobody,
        title: "TOP throttles the application" / "TOP 正在对应用限流",
        meaning: "TOP refused the call for its frequency, or a ban that it announced still lasts"
            / "TOP 因调用过于频繁而拒绝，或者 TOP 此前宣布的封禁尚未结束",
        action: "Wait as long as `Retry-After` says, then send it again; a ban can be lifted early"
            / "按 `Retry-After` 等待后重新发送；封禁可能提前解除",
    }
    InternalError {
        status: INTERNAL_SERVER_ERROR, outcome: Unknown, retryable: false, actor: Operator,
        title: "The bridge failed" / "本服务发生故障",
        meaning: "An error of the bridge itself" / "本服务自身出错",
        action: "Tell the bridge's operator the `request_id`; if `outcome` or `prior_outcome` is `unknown`, ask \
            Jiaoyimao before you push again"
            / "把 `request_id` 告知本服务的运维人员；如果 `outcome` 或 `prior_outcome` 为 `unknown`，请先向交易猫核实，\
            再决定是否重新推送",
    }
    TopAccessDenied {
        status: BAD_GATEWAY, outcome: NotExecuted, retryable: false, actor: Operator,
        title: "TOP refused the bridge" / "TOP 拒绝了本服务",
        meaning: "TOP does not accept the bridge's key, secret, session, rights, address or clock"
            / "TOP 不接受本服务的 AppKey、密钥、授权（SessionKey）、权限、IP 地址或时钟",
        action: "Tell the bridge's operator, who must fix it; then send it again"
            / "告知本服务的运维人员，由其处理；处理完毕后重新发送",
    }
    TopSystemError {
        status: BAD_GATEWAY, outcome: Unknown, retryable: true, actor: Nobody,
        title: "TOP's back end failed" / "TOP 的后端出错",
        meaning: "The back end answered with a failure of its own; it may have executed the push"
            / "TOP 的后端返回了自身的错误；推送可能已被执行",
        action: "Send it again later, with the same `Idempotency-Key` if you sent one; it may then be executed twice"
            / "稍后重新发送（可能造成重复执行）；如果带了 `Idempotency-Key`，请沿用同一个幂等键",
    }
    TopBadResponse {
        status: BAD_GATEWAY, outcome: Unknown, retryable: true, actor: Nobody,
        title: "TOP's answer is not understood" / "无法理解 TOP 的响应",
        meaning: "The answer was cut short, too large, a redirect, contradictory or in no known form; the push may have \
            been executed"
            / "响应不完整、过大、为重定向、自相矛盾，或格式无法识别；推送可能已被执行",
        action: "Send it again later, with the same `Idempotency-Key` if you sent one; it may then be executed twice"
            / "稍后重新发送（可能造成重复执行）；如果带了 `Idempotency-Key`，请沿用同一个幂等键",
    }
    TopUnreachable {
        status: SERVICE_UNAVAILABLE, outcome: NotExecuted, retryable: true, retry_after: 2, actor: Nobody,
        title: "TOP was not reached" / "未能连接到 TOP",
        meaning: "The bridge could not connect to TOP, or TOP could not reach its back end"
            / "无法与 TOP 建立连接，或者 TOP 无法连接其后端",
        action: "Wait as long as `Retry-After` says, then send it again" / "按 `Retry-After` 等待后重新发送",
    }
    TopUnavailable {
        status: SERVICE_UNAVAILABLE, outcome: Unknown, retryable: true, retry_after: 5, actor: Nobody,
        title: "TOP is not available" / "TOP 暂时不可用",
        meaning: "TOP or its back end is down or busy; the push may have been executed"
            / "TOP 或其后端不可用或繁忙；推送可能已被执行",
        action: "Wait as long as `Retry-After` says, then send it again, with the same `Idempotency-Key` if you sent \
            one; it may then be executed twice"
            / "按 `Retry-After` 等待后重新发送（可能造成重复执行）；如果带了 `Idempotency-Key`，请沿用同一个幂等键",
    }
    Overloaded {
        status: SERVICE_UNAVAILABLE, outcome: NotExecuted, retryable: true, retry_after: 1, actor: Nobody,
        title: "Too many pushes are in flight" / "并发推送数已达上限",
        meaning: "As many pushes as allowed are calling TOP" / "正在调用 TOP 的推送数已达上限",
        action: "Wait as long as `Retry-After` says, then send it again" / "按 `Retry-After` 等待后重新发送",
    }
    ShuttingDown {
        status: SERVICE_UNAVAILABLE, outcome: NotExecuted, retryable: true, retry_after: 1, actor: Nobody,
        title: "The bridge is shutting down" / "本服务正在关闭",
        meaning: "This process accepts no more pushes" / "本服务的这个进程不再接受推送",
        action: "Wait as long as `Retry-After` says, then send it again; another replica or the next process accepts it"
            / "按 `Retry-After` 等待后重新发送；届时由其他副本或新进程接收",
    }
    IdempotencyStoreUnavailable {
        status: SERVICE_UNAVAILABLE, outcome: NotExecuted, retryable: true, retry_after: 2, actor: Operator,
        title: "The store of keys is not available" / "幂等键存储不可用",
        meaning: "The store of Idempotency-Keys cannot be used; pushes without a key are served"
            / "`Idempotency-Key` 的存储不可用；不带幂等键的推送照常处理",
        action: "Wait as long as `Retry-After` says, then send it again with the same key"
            / "按 `Retry-After` 等待后，用同一个幂等键重新发送",
    }
    TopTimeout {
        status: GATEWAY_TIMEOUT, outcome: Unknown, retryable: true, actor: Nobody,
        title: "TOP did not answer in time" / "TOP 未及时响应",
        meaning: "The deadline passed after the push was sent, or TOP's back end did not answer TOP in time; the push \
            may have been executed"
            / "推送发出后在时限内没有收到完整的响应，或者 TOP 的后端没有及时响应 TOP；推送可能已被执行",
        action: "Send it again later, with the same `Idempotency-Key` if you sent one; it may then be executed twice"
            / "稍后重新发送（可能造成重复执行）；如果带了 `Idempotency-Key`，请沿用同一个幂等键",
    }
}
