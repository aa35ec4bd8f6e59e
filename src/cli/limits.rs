//! The options of `greenlight serve` that limit clients.

use std::time::Duration;

use clap::Args;

use crate::config::limits::{
    BODY_DEADLINE, CONNECTIONS, HEAD_DEADLINE, HEARTBEAT, KEY_RATE, PEER_RATE, REPLY_DEADLINE,
    REQUEST_DEADLINE, STOP_DEADLINE, count, span,
};
use crate::http;

#[derive(Args)]
pub(super) struct Limits {
    #[arg(id = CONNECTIONS.flag, long = CONNECTIONS.flag, env = CONNECTIONS.env, default_value = CONNECTIONS.default, help = CONNECTIONS.meaning,
        value_name = "NUMBER", value_parser = count, hide_env_values = true)]
    connections: u32,
    #[arg(id = HEAD_DEADLINE.flag, long = HEAD_DEADLINE.flag, env = HEAD_DEADLINE.env, default_value = HEAD_DEADLINE.default, help = HEAD_DEADLINE.meaning,
        value_name = "TIME", value_parser = span, hide_env_values = true)]
    head: Duration,
    #[arg(id = BODY_DEADLINE.flag, long = BODY_DEADLINE.flag, env = BODY_DEADLINE.env, default_value = BODY_DEADLINE.default, help = BODY_DEADLINE.meaning,
        value_name = "TIME", value_parser = span, hide_env_values = true)]
    body: Duration,
    #[arg(id = REPLY_DEADLINE.flag, long = REPLY_DEADLINE.flag, env = REPLY_DEADLINE.env, default_value = REPLY_DEADLINE.default, help = REPLY_DEADLINE.meaning,
        value_name = "TIME", value_parser = span, hide_env_values = true)]
    reply: Duration,
    #[arg(id = REQUEST_DEADLINE.flag, long = REQUEST_DEADLINE.flag, env = REQUEST_DEADLINE.env, default_value = REQUEST_DEADLINE.default, help = REQUEST_DEADLINE.meaning,
        value_name = "TIME", value_parser = span, hide_env_values = true)]
    request: Duration,
    #[arg(id = STOP_DEADLINE.flag, long = STOP_DEADLINE.flag, env = STOP_DEADLINE.env, default_value = STOP_DEADLINE.default, help = STOP_DEADLINE.meaning,
        value_name = "TIME", value_parser = span, hide_env_values = true)]
    stop: Duration,
    #[arg(id = HEARTBEAT.flag, long = HEARTBEAT.flag, env = HEARTBEAT.env, default_value = HEARTBEAT.default, help = HEARTBEAT.meaning,
        value_name = "TIME", value_parser = span, hide_env_values = true)]
    heartbeat: Duration,
    #[arg(id = PEER_RATE.flag, long = PEER_RATE.flag, env = PEER_RATE.env, help = PEER_RATE.meaning,
        value_name = "NUMBER", value_parser = count, hide_env_values = true)]
    per_peer: Option<u32>,
    #[arg(id = KEY_RATE.flag, long = KEY_RATE.flag, env = KEY_RATE.env, help = KEY_RATE.meaning,
        value_name = "NUMBER", value_parser = count, hide_env_values = true)]
    per_key: Option<u32>,
}

impl Limits {
    /// Most open connections.
    pub(super) fn connections(&self) -> u32 {
        self.connections
    }

    /// The limits in the service's form.
    pub(super) fn limits(&self) -> http::Limits {
        let Self { connections, head, body, reply, request, stop, heartbeat, per_peer, per_key } = *self;
        http::Limits { connections, head, body, reply, request, stop, heartbeat, per_peer, per_key }
    }
}
