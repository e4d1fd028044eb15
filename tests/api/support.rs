//! The parts that the tests share.

pub(crate) mod app;
pub(crate) mod document;
pub(crate) mod flipping;
pub(crate) mod gateway;
pub(crate) mod gateway_answers;
pub(crate) mod installed;
pub(crate) mod markdown;
pub(crate) mod program;
pub(crate) mod promtool;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod redis_cluster;
pub(crate) mod redis_forwarder;
pub(crate) mod redis_load;
pub(crate) mod redis_sentinel;
pub(crate) mod redis_tls;
pub(crate) mod sandbox;
pub(crate) mod scene;
pub(crate) mod signature;
pub(crate) mod tls;
pub(crate) mod wire;

pub(crate) use app::{Reply, TestApp};
pub(crate) use gateway::{Call, Gateway, Move};
pub(crate) use program::Program;
pub(crate) use scene::{LoggedScene, Scene};

/// The application key in all tests.
pub(crate) const APP_KEY: &str = "87654321";
/// The application secret in all tests.
pub(crate) const APP_SECRET: &str = "canary-app-secret-5e7d";
/// The case in most tests.
pub(crate) const CASE: &str = "1290293148910";
/// A valid body.
pub(crate) const BODY: &str = r#"{"result":"success","work_number":"123123","completed_time":"2025-11-16T16:00:00Z","mediator_name":"张三","mediator_phone":"13812345678","content":"沟通内容"}"#;
/// TOP's answer to a push that it executed.
pub(crate) const ACCEPTED: &str = r#"{"alibaba_jym_servicecenter_mediation_result_push_response":{"result":true,"is_success":true,"state_code":"20000","request_id":"top-request-1"}}"#;
