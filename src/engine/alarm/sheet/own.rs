//! Sheets of what vcops finds wrong with itself.

use super::{MINUTES, SOON, Sheet, TODAY};

pub(super) const DISK: Sheet = Sheet {
    cause: ["日志、抓图或其他程序占满磁盘", "journal, stills or other programs fill the disk"],
    consequence: [
        "很快无法记录；无法记录时不接受任何操作",
        "soon nothing can be recorded, and what cannot be recorded is not done",
    ],
    action: ["清理磁盘或扩容；导出并移走旧月份的归档", "free disk space; move old months' archives away"],
    respond_within: TODAY,
};

pub(super) const QUEUE: Sheet = Sheet {
    cause: ["主机负载过高，或某设备、某通道拖慢", "the host is overloaded, or something slow holds it up"],
    consequence: ["告警和通知变慢", "alarms and notices come late"],
    action: [
        "看主机负载；停掉无关程序；屏上情况以电话核实",
        "look at the host's load; stop what does not belong there; check by telephone what the screen says",
    ],
    respond_within: MINUTES,
};

pub(super) const TASK: Sheet = Sheet {
    cause: ["程序缺陷、磁盘卡住或主机过载", "a defect, a stuck disk or an overloaded host"],
    consequence: ["该部分的监视或通知已停", "what that part watches or sends has stopped"],
    action: [
        "会议不受影响；人工盯屏，择机重启本系统并报告厂家",
        "the meeting goes on; watch by eye, restart vcops at a good moment and report it",
    ],
    respond_within: SOON,
};

pub(super) const LINE: Sheet = Sheet {
    cause: ["消息服务停了，或主会场侧网络中断", "the broker stopped, or our side of the network is cut"],
    consequence: [
        "看不到各会场测试机；没有消息不等于有故障",
        "venues' agents are not heard; that says nothing of the venues",
    ],
    action: [
        "查消息服务和主会场侧网络；期间以大屏和电话为准",
        "look at the broker and our network; meanwhile go by screen and telephone",
    ],
    respond_within: SOON,
};

pub(super) const CLOCK: Sheet = Sheet {
    cause: ["人工改时间，或对时服务跳变", "somebody set the clock, or time synchronisation jumped"],
    consequence: [
        "这段时间的先后次序和时长不可信",
        "order and length of what happened about then cannot be trusted",
    ],
    action: ["查对时服务；在记录中注明", "look at time synchronisation; note it in the record"],
    respond_within: TODAY,
};

pub(super) const JOURNAL: Sheet = Sheet {
    cause: ["磁盘满、磁盘故障或数据库不可用", "the disk is full or broken, or the database is away"],
    consequence: [
        "其间只提示、不记录、不执行操作；日志中留有缺口记录",
        "meanwhile nothing was recorded or done, only shown; the journal has a record of the gap",
    ],
    action: [
        "查磁盘和数据库；把其间人工做的事补记入事件",
        "look at disk and database; write down in the incidents what people did meanwhile",
    ],
    respond_within: MINUTES,
};

pub(super) const NOTICES: Sheet = Sheet {
    cause: [
        "短信网关、机器人或邮件服务不通，或被限流",
        "gateway, robot or mail server away, or their limits reached",
    ],
    consequence: ["不在屏前的人不知情", "who is not at a screen does not know"],
    action: [
        "改用电话通知；用“通知测试”查各通道",
        "tell people by telephone; try each channel with the test of notices",
    ],
    respond_within: SOON,
};
