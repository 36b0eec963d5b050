//! Settings of accounts and sessions: how long each thing is good.

use super::setting::settings;

settings! {
    /// 账号与会话。口令须 10 位以上、三类字符，或 16 位以上。
    /// Accounts and sessions. A password needs 10 characters of three kinds, or 16 characters.
    AccountsSettings {
        /// 无操作多少分钟后退出登录。
        /// Minutes without a request after which a session ends.
        idle_minutes: u32 [1, 1440] = "30",
        /// 登录后最多多少小时必须重新登录。
        /// Hours after which a session ends in any case.
        session_hours: u32 [1, 168] = "12",
        /// 口令使用多少天后必须更换；0 表示不限。
        /// Days after which a password must be changed; 0: never.
        password_days: u32 [0, 3650] = "90",
        /// 新口令不得与最近多少个相同。
        /// A new password must differ from so many before it.
        password_history: u32 [0, 24] = "5",
        /// 影响会议的操作须在多少分钟内验证过口令；0 表示不要求。
        /// Minutes for which a password that was given counts as proof for what disturbs a meeting; 0: none is asked for.
        proof_minutes: u32 [0, 720] = "10",
        /// 墙面令牌的有效天数。
        /// Days for which the token of a wallboard is good.
        wallboard_days: u32 [1, 3650] = "365",
    }
}
