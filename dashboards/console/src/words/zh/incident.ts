// After the meeting 会后.

export const incident = {
  title: "会后",
  records: "调试记录",
  recordsText: "每一轮联调一份《视频会议系统调试情况记录表》，可打印；签署情况在表内。",
  meeting: "会议",
  round: "轮次",
  kind: "方式",
  opened: "开始",
  took: "用时",
  left: "未结项",
  cells: "测试项",
  form: "记录表",
  look: "看联调",
  running: "进行中",
  none: "没有记录。",
};
