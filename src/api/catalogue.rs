//! The one table of problems: what each is called, its status, its promise, who has to act, and, in English and
//! in Chinese, what it means and what to do now.
//!
//! Answers, the OpenAPI document, the pages under `/problems`, the README's table and the tests are all made from
//! it or compared with it. [`words`] makes whole sentences of a row.

pub mod words;

use actix_web::http::StatusCode;

use crate::delivery::Outcome;

/// What is the same for every problem of one [`Code`].
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name in JSON, in `type` and in the log.
    pub name: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// Whether the push was executed. Of `internal_error` this is the promise once a call had begun.
    pub outcome: Outcome,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// `Retry-After` in seconds where TOP names none; `None` where the header is not sent.
    pub retry_after: Option<u64>,
    /// Who has to do something about it.
    pub actor: Actor,
    /// The English words.
    pub en: Words,
    /// The Chinese words.
    pub zh: Words,
}

/// Who has to do something about a problem before the request can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Whoever sent the request.
    Caller,
    /// Whoever runs the bridge.
    Operator,
    /// Nobody: it passes by itself, and the caller's program tries again.
    Nobody,
}

/// A row's words in one language, without the full stop.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// A few words for people.
    pub title: &'static str,
    /// When it happens.
    pub meaning: &'static str,
    /// What the caller should do now.
    pub action: &'static str,
}

impl Actor {
    /// Everyone there is.
    pub const ALL: [Self; 3] = [Self::Caller, Self::Operator, Self::Nobody];

    /// The word in JSON and in the README.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Operator => "operator",
            Self::Nobody => "nobody",
        }
    }
}

impl Code {
    /// What an answer can say of whether the push was executed.
    #[must_use]
    pub const fn outcomes(self) -> &'static [Outcome] {
        match self.entry().outcome {
            Outcome::Unknown if matches!(self, Self::InternalError) => {
                &[Outcome::NotExecuted, Outcome::Unknown]
            }
            Outcome::Unknown => &[Outcome::Unknown],
            Outcome::NotExecuted => &[Outcome::NotExecuted],
            Outcome::Rejected => &[Outcome::Rejected],
            Outcome::Accepted => &[Outcome::Accepted],
        }
    }

    /// The problem of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.entry().name == name)
    }
}

macro_rules! catalogue {
    ($($code:ident $name:literal $status:ident $outcome:ident $retryable:literal $retry_after:expr, $actor:ident;
        $title:literal; $meaning:literal; $action:literal;
        $title_zh:literal; $meaning_zh:literal; $action_zh:literal.)+) => {
        /// What kind of problem, the member `code`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $code,)+
        }

        impl Code {
            /// Every problem, by status.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// The problem's row of the table.
            #[must_use]
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$code => Entry {
                        name: $name,
                        status: StatusCode::$status,
                        outcome: Outcome::$outcome,
                        retryable: $retryable,
                        retry_after: $retry_after,
                        actor: Actor::$actor,
                        en: Words { title: $title, meaning: $meaning, action: $action },
                        zh: Words { title: $title_zh, meaning: $meaning_zh, action: $action_zh },
                    },)+
                }
            }
        }
    };
}

catalogue! {
    MalformedJson "malformed_json" BAD_REQUEST NotExecuted false None, Caller;
        "The body is not JSON";
        "The body is empty, not JSON or not UTF-8, begins with a byte order mark, or holds half a surrogate \
         pair, a number that no double holds or more than 127 levels";
        "Mend the program that writes the body; `detail` says where reading stopped";
        "请求体不是 JSON";
        "请求体为空、不是 JSON 或不是 UTF-8、以字节顺序标记（BOM）开头，或含有不成对的代理项、\
         双精度浮点数无法表示的数字、超过 127 层的嵌套";
        "修正生成请求体的程序；`detail` 会指出在何处解析失败".
    Unauthenticated "unauthenticated" UNAUTHORIZED NotExecuted false None, Caller;
        "The caller is not known";
        "No bearer token came, or one that this bridge does not know";
        "Send `Authorization: Bearer TOKEN` with the token that the bridge's operator gave you";
        "无法识别调用方";
        "没有携带 Bearer 令牌，或令牌无法识别";
        "发送 `Authorization: Bearer TOKEN`，其中 TOKEN 是本服务运维人员发放的令牌".
    NotFound "not_found" NOT_FOUND NotExecuted false None, Caller;
        "There is nothing at this path";
        "Nothing is at this path";
        "Check the path against `/openapi.json`; a push is `POST /mediations/{case_id}/result`";
        "该路径不存在";
        "该路径下没有内容";
        "对照 `/openapi.json` 检查路径；推送接口是 `POST /mediations/{case_id}/result`".
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED NotExecuted false None, Caller;
        "This path takes another method";
        "The path exists, but not with this method";
        "Use a method that the header `Allow` names";
        "该路径不支持此请求方法";
        "路径存在，但不支持所用的请求方法";
        "改用响应头 `Allow` 列出的方法".
    RequestTimeout "request_timeout" REQUEST_TIMEOUT NotExecuted true None, Caller;
        "The body came too slowly";
        "The body had not arrived when the deadline of the bridge had passed";
        "Send it again; if it happens often, look at the network between you and the bridge";
        "请求体到达得太慢";
        "本服务的时限已过，请求体仍未收全";
        "重新发送；如果经常发生，请检查调用方与本服务之间的网络".
    IdempotencyInFlight "idempotency_in_flight" CONFLICT NotExecuted true Some(1), Nobody;
        "A push with this key is under way";
        "Another push with the same `Idempotency-Key` and the same request is under way";
        "Wait as long as `Retry-After` says, then send it again with the same key: if TOP has decided by then you get that \
         answer, else the push runs again";
        "使用该键的推送正在进行";
        "另一次使用相同 `Idempotency-Key` 且内容相同的推送正在进行";
        "按 `Retry-After` 等待后，用同一个键重新发送：届时若 TOP 已作出决定，将得到同样的响应；否则会重新执行推送".
    PayloadTooLarge "payload_too_large" PAYLOAD_TOO_LARGE NotExecuted false None, Caller;
        "The body is too large";
        "The body has more bytes than the bridge takes";
        "Shorten it; every valid push fits";
        "请求体过大";
        "请求体的字节数超过本服务的上限";
        "缩短请求体；任何合规的推送都不会超过上限".
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE NotExecuted false None, Caller;
        "The body is declared as something else than plain JSON";
        "`Content-Type` is missing or not `application/json`, or there is a `Content-Encoding`";
        "Send `Content-Type: application/json` and no `Content-Encoding`";
        "请求体未声明为普通 JSON";
        "缺少 `Content-Type` 或其值不是 `application/json`，或者带有 `Content-Encoding`";
        "发送 `Content-Type: application/json`，不要带 `Content-Encoding`".
    ValidationFailed "validation_failed" UNPROCESSABLE_ENTITY NotExecuted false None, Caller;
        "The request breaks rules";
        "A member or the `case_id` is missing, unknown, repeated or breaks a rule, or the `Idempotency-Key` does, or is not \
         available at this bridge";
        "Mend what `errors` lists; it lists everything at once";
        "请求不符合规则";
        "某个字段或 `case_id` 缺失、未知、重复或不符合规则，或 `Idempotency-Key` 不符合规则、本服务未启用";
        "按 `errors` 逐项修正；所有问题都已一次列出".
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY NotExecuted false None, Caller;
        "The key belongs to another request";
        "The `Idempotency-Key` came before, or is in flight, with another request for the same case";
        "Use a new key for every new request; with an old key, send the very request that it came with";
        "该键属于另一个请求";
        "该 `Idempotency-Key` 已用于或正用于同一案件的另一个请求";
        "每个新请求都使用新的键；沿用旧键时，必须发送与当初完全相同的请求".
    TopRejected "top_rejected" UNPROCESSABLE_ENTITY Rejected false None, Caller;
        "TOP rejected the push";
        "TOP looked at the push and said no";
        "Read `top.sub_msg`, mend the data or ask Jiaoyimao; the same push will be rejected again";
        "TOP 拒绝了这次推送";
        "TOP 收到了这次推送，但明确拒绝";
        "查看 `top.sub_msg`，修正数据或咨询交易猫；原样重发仍会被拒绝".
    TopRateLimited "top_rate_limited" TOO_MANY_REQUESTS NotExecuted true Some(1), Nobody;
        "TOP throttles the application";
        "TOP refused the call for its frequency, or a ban that it announced still lasts";
        "Wait as long as `Retry-After` says, then send it again";
        "TOP 正在对应用限流";
        "TOP 因调用过于频繁而拒绝，或者 TOP 此前宣布的封禁尚未结束";
        "按 `Retry-After` 等待后重新发送".
    InternalError "internal_error" INTERNAL_SERVER_ERROR Unknown false None, Operator;
        "The bridge failed";
        "A fault of the bridge itself";
        "Tell the bridge's operator the `request_id`; if `outcome` or `prior_outcome` is `unknown`, find out at \
         Jiaoyimao before you push again";
        "本服务发生故障";
        "本服务内部出错，与请求内容无关";
        "把 `request_id` 告知本服务的运维人员；如果 `outcome` 或 `prior_outcome` 为 `unknown`，请先向交易猫核实，再决定是否重新推送".
    TopAccessDenied "top_access_denied" BAD_GATEWAY NotExecuted false None, Operator;
        "TOP refused the bridge";
        "TOP does not accept the bridge's key, secret, session, rights, address or clock";
        "Tell the bridge's operator, who must mend it; then send it again";
        "TOP 拒绝了本服务";
        "本服务的 AppKey、密钥、会话（session）、IP 地址或时钟未被 TOP 接受，或权限不足";
        "告知本服务的运维人员，由其处理；处理完毕后重新发送".
    TopSystemError "top_system_error" BAD_GATEWAY Unknown true None, Nobody;
        "TOP's back end failed";
        "The back end answered with a failure of its own; it may have executed the push";
        "Send it again later, with the same `Idempotency-Key` if you sent one; it may then be executed twice";
        "TOP 的后端出错";
        "TOP 的后端返回了内部错误；推送可能已被执行";
        "稍后重新发送，如果带了 `Idempotency-Key`，请沿用同一个键；这样可能造成重复执行".
    TopBadResponse "top_bad_response" BAD_GATEWAY Unknown true None, Nobody;
        "TOP's answer cannot be understood";
        "The answer was cut short, too large, a redirect or in no known form; the push may have been executed";
        "Send it again later, with the same `Idempotency-Key` if you sent one; it may then be executed twice";
        "无法理解 TOP 的响应";
        "响应不完整、过大、为重定向，或格式无法识别；推送可能已被执行";
        "稍后重新发送，如果带了 `Idempotency-Key`，请沿用同一个键；这样可能造成重复执行".
    TopUnreachable "top_unreachable" SERVICE_UNAVAILABLE NotExecuted true Some(2), Nobody;
        "TOP was not reached";
        "No connection to TOP could be made, or TOP could not reach its back end";
        "Wait as long as `Retry-After` says, then send it again";
        "未能连接到 TOP";
        "无法与 TOP 建立连接，或者 TOP 无法连接其后端";
        "按 `Retry-After` 等待后重新发送".
    TopUnavailable "top_unavailable" SERVICE_UNAVAILABLE Unknown true Some(5), Nobody;
        "TOP is not available";
        "TOP or its back end is down or busy; the push may have been executed";
        "Wait as long as `Retry-After` says, then send it again, with the same `Idempotency-Key` if you sent one; it may then \
         be executed twice";
        "TOP 暂时不可用";
        "TOP 或其后端宕机或繁忙；推送可能已被执行";
        "按 `Retry-After` 等待后重新发送，如果带了 `Idempotency-Key`，请沿用同一个键；这样可能造成重复执行".
    Overloaded "overloaded" SERVICE_UNAVAILABLE NotExecuted true Some(1), Nobody;
        "Too many pushes are under way";
        "As many pushes as allowed are calling TOP";
        "Wait as long as `Retry-After` says, then send it again";
        "正在进行的推送过多";
        "正在调用 TOP 的推送数已达上限";
        "按 `Retry-After` 等待后重新发送".
    ShuttingDown "shutting_down" SERVICE_UNAVAILABLE NotExecuted true Some(1), Nobody;
        "The bridge is stopping";
        "This process takes no more pushes";
        "Wait as long as `Retry-After` says, then send it again; another replica or the next process takes it";
        "本服务正在停止";
        "该进程不再接受推送";
        "按 `Retry-After` 等待后重新发送；届时由其他副本或新进程接收".
    IdempotencyStoreUnavailable "idempotency_store_unavailable" SERVICE_UNAVAILABLE NotExecuted true Some(2), Operator;
        "Keys cannot be looked up";
        "The store of Idempotency-Keys cannot be used; pushes without a key are served";
        "Wait as long as `Retry-After` says, then send it again with the same key";
        "无法查询幂等键";
        "`Idempotency-Key` 的存储不可用；不带键的推送照常处理";
        "按 `Retry-After` 等待后，用同一个键重新发送".
    TopTimeout "top_timeout" GATEWAY_TIMEOUT Unknown true None, Nobody;
        "TOP did not answer in time";
        "The deadline passed after the push was sent, or TOP's back end did not answer TOP in time; the push may \
         have been executed";
        "Send it again later, with the same `Idempotency-Key` if you sent one; it may then be executed twice";
        "TOP 没有及时响应";
        "推送发出后，在时限内没有收到响应，或者 TOP 的后端没有及时响应 TOP；推送可能已被执行";
        "稍后重新发送，如果带了 `Idempotency-Key`，请沿用同一个键；这样可能造成重复执行".
}
