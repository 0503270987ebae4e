//! Queues of jobs.

/// Exports, imports and other long work that the Management API began.
pub const MANAGEMENT: &str = "management";
/// Messages to be sent.
pub const MESSAGES: &str = "messages";
/// Log entries to be sent.
pub const LOG_STREAMS: &str = "log_streams";
/// Events to be delivered.
pub const EVENT_STREAMS: &str = "event_streams";
/// Clients to be told that a session ended.
pub const BACK_CHANNEL_LOGOUT: &str = "back_channel_logout";
/// Flows that wait.
pub const FLOWS: &str = "flows";
/// Code of the tenant that is only told of something.
pub const SCRIPTS: &str = "scripts";
