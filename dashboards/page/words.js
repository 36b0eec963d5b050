// The two languages of the page. Chinese is the source; English has the same keys.

const zh = {
  title: "vcops 会议保障", before: "会前", during: "会中", after: "会后", manage: "管理",
  notYet: "尚未提供", notYetText: "这一部分还没有做好，不显示任何占位数据。目前可用：会前联调。",
  signIn: "登录", signOut: "退出", user: "用户名", password: "密码", name: "姓名", token: "一次性口令",
  setUp: "初始设置", setUpText: "系统还没有任何账号。请输入首次启动时打印的一次性口令，建立安全管理员。其他账号由安全管理员添加。",
  passwordHint: "至少 10 个字符，含大写、小写、数字、符号中的三种；或 16 个字符以上的短句。",
  create: "建立", working: "处理中…", retryIn: (s) => `请 ${s} 秒后再试`,
  plain: "未加密连接（http）：密码和画面可能被同网的人看到。", unrecorded: "记录暂时写不进去：所示内容未留存，操作暂停。",
  stale: (s) => `与服务器断开 ${s} 秒，画面可能过时`,
  venue: "会场", verdict: "结论", main: "主会场", loss: "丢包 % 主→分/分→主", jitter: "抖动 ms", rtt: "时延 ms",
  lossTitle: "丢包率，主→分 / 分→主", jitterTitle: "抖动 p95，较大的一个方向", rttTitle: "往返时延，中位数",
  room: "现场核对", confirm: "看听确认", presence: "到岗", present: "已到岗", waiting: "等待", again: "等待重测", none: "–",
  venues: (n) => `${n} 个会场`, mainVenue: (n) => `主会场 ${n}`,
  tested: "已测", took: "用时", left: (s) => `约剩 ${s} s`, rollCall: "点名", starts: "开会", running: "进行中",
  onlyProblems: "只看问题", retestFailed: "只重测未过项", sign: "三方会签", openItems: (n) => `还有 ${n} 项未结`,
  newRound: "开始联调", closeRound: "结束本轮", form: "打印记录表", kind: "方式",
  closeAsk: "结束本轮后，未测完的项记为“测试未完成”。确定结束？",
  whole_network: "全网联调", single_point: "单点调试", dress_rehearsal: "带材料彩排", pre_meeting: "会前检查",
  noMeeting: "没有可以看的会议。", noMeetingText: "会议由系统管理员提交清单后出现在这里。",
  noRound: "这个会议还没有联调记录。", noRight: "此账号没有会前联调的权限。",
  noRightText: "账号与角色由安全管理员管理：vcops user，或接口 /api/v1/users。",
  next: "下一步：", quality: "测量", attempt: "测试次数", judgedAt: "测试时间", lastRound: "上一轮",
  worse: "变差", better: "变好", same: "持平", noLast: "没有可比的上一轮", allGood: "各项正常。",
  retestCell: "重测这一项", retestVenue: "重测会场", waive: "免测(写明理由)", waiveTitle: "免测", why: "理由",
  waivedBy: (by, why) => `免测：${why}（${by}）`, cancel: "取消", ok: "确定", record: "填写",
  calls: "联系电话", noCalls: "未登记联系人", roleA: "A角", roleB: "B角", mobile: "手机", landline: "座机",
  filled: (a, b) => `已填 ${a}/${b}`, byPhone: "可由市里电话代填", phoneFrom: "电话代填，现场核对人", self: "本人现场核对",
  in_order: "正常", faulty: "有故障", not_applicable: "本会场无此项", note: "说明",
  party: "签署方", person: "签署人", signed: "已签", signNow: "签署", signBlocked: "还有未结项，暂不能签署：",
  quiet: "没有问题。", shown: (n) => `显示 ${n} 个有问题的会场`, roundOver: "本轮联调结束", fail: "操作没有成功",
  wall: "监看墙", troubles: "有问题的", troubleCount: (n) => (n ? `${n} 路` : ""), allWell: "各路正常。", chosen: "所选一路", chooseOne: "点一个画面，看这一路的图像声音。",
  wallCount: (n) => `监看 ${n} 路`, wrongCount: (n) => (n ? `有问题 ${n} 路` : "各路正常"), blindCount: (n) => `监测中断 ${n} 路`,
  speaking: "发言", nextUp: "下一个", speakingTag: "发言", nextTag: "下一个", noStreams: "清单里没有可以监看的码流。", more: (n) => `等 ${n + 1} 项`,
  mix: "MCU 混合", content: "辅流", main_hall: "主会场输出", recorder: "录播", output: "直播", lossShort: "丢",
  pictureOld: (s) => `监测画面 ${s} 秒未更新`, lastPicture: (at) => `最后画面 ${at}`, nothingComes: (why) => `无图像无声音\n${why}`, noPictures: "按会议要求不留存画面", noPictureYet: "等待画面",
  since: (at) => `自 ${at}`, view: "看图像、听声音", stopView: "停止查看", fullScreen: "全屏", pictureWord: "图像", soundWord: "声音", rate: "码率", lossWord: "丢包", jitterWord: "抖动",
  connecting: "正在接通…", resting: "这一路暂时没有数据", soundOff: "浏览器关了声音，点播放器上的喇叭打开", cannotPlay: (mime) => `此浏览器播放不了这种编码：${mime}`, playerFailed: "播放中断，请重新打开", viewOver: "查看时间到，请重新打开", viewBroken: "连接断开，请重新打开",
  noStreamRight: "此账号没有会中监看的权限。",
  clock: "时钟", language: "EN", and: "、", seconds: "秒", selected: "所选",
};

const en = {
  title: "vcops", before: "Before", during: "Live", after: "After", manage: "Manage",
  notYet: "Not available yet", notYetText: "This part is not built yet, and shows no made-up data. Available now: rehearsal.",
  signIn: "Sign in", signOut: "Sign out", user: "User", password: "Password", name: "Name", token: "One-time token",
  setUp: "Set-up", setUpText: "There is no account yet. Enter the one-time token that the first start printed to make the security administrator, who adds the others.",
  passwordHint: "At least 10 characters with three of upper case, lower case, digits, signs; or a phrase of 16.",
  create: "Create", working: "Working…", retryIn: (s) => `Try again in ${s} s`,
  plain: "Plain http: passwords and pictures can be read by others on this network.", unrecorded: "The journal takes no writes: what is shown is not recorded, commands are refused.",
  stale: (s) => `Disconnected for ${s} s, this may be out of date`,
  venue: "Venue", verdict: "Verdict", main: "main", loss: "Loss % to/from", jitter: "Jitter ms", rtt: "RTT ms",
  lossTitle: "Loss, to / from the venue", jitterTitle: "Jitter p95, the worse direction", rttTitle: "Round trip, median",
  room: "On site", confirm: "Seen and heard", presence: "Present", present: "present", waiting: "waiting", again: "to be retested", none: "–",
  venues: (n) => `${n} venues`, mainVenue: (n) => `main venue ${n}`,
  tested: "tested", took: "took", left: (s) => `about ${s} s left`, rollCall: "roll call", starts: "start", running: "running",
  onlyProblems: "Problems only", retestFailed: "Retest not passed", sign: "Sign-off", openItems: (n) => `${n} open`,
  newRound: "Start a round", closeRound: "End the round", form: "Print the form", kind: "Kind",
  closeAsk: "What is not tested yet will count as “test broke”. End the round?",
  whole_network: "Whole network", single_point: "Single venue", dress_rehearsal: "Dress rehearsal", pre_meeting: "Pre-meeting check",
  noMeeting: "There is no meeting to see.", noMeetingText: "Meetings appear here once the system administrator has submitted them.",
  noRound: "This meeting has no rehearsal yet.", noRight: "This account may not see rehearsals.",
  noRightText: "The security administrator manages accounts: vcops user, or the API at /api/v1/users.",
  next: "Next: ", quality: "Measurement", attempt: "Attempts", judgedAt: "Tested at", lastRound: "Last round",
  worse: "worse", better: "better", same: "same", noLast: "nothing to compare with", allGood: "Everything is in order.",
  retestCell: "Retest this", retestVenue: "Retest venue", waive: "Waive (say why)", waiveTitle: "Waive", why: "Reason",
  waivedBy: (by, why) => `waived: ${why} (${by})`, cancel: "Cancel", ok: "OK", record: "Record",
  calls: "Telephone", noCalls: "no contacts", roleA: "A", roleB: "B", mobile: "mobile", landline: "landline",
  filled: (a, b) => `${a}/${b} recorded`, byPhone: "the hub may fill in by telephone", phoneFrom: "By telephone, seen by", self: "Seen by myself",
  in_order: "in order", faulty: "faulty", not_applicable: "not applicable", note: "Note",
  party: "Party", person: "Signed by", signed: "signed", signNow: "Sign", signBlocked: "Cannot be signed while open:",
  quiet: "No problems.", shown: (n) => `${n} venues with problems shown`, roundOver: "The round has ended", fail: "It did not work",
  wall: "Wall", troubles: "What is wrong", troubleCount: (n) => (n ? `${n} streams` : ""), allWell: "All streams are well.", chosen: "Chosen stream", chooseOne: "Click a picture to see and hear it.",
  wallCount: (n) => `${n} streams`, wrongCount: (n) => (n ? `${n} with a problem` : "all well"), blindCount: (n) => `${n} not monitored`,
  speaking: "Speaking", nextUp: "Next", speakingTag: "speaking", nextTag: "next", noStreams: "The inventory has no streams to watch.", more: (n) => `and ${n} more`,
  mix: "MCU mix", content: "content", main_hall: "main hall output", recorder: "recorder", output: "broadcast", lossShort: "loss",
  pictureOld: (s) => `Picture ${s} s old`, lastPicture: (at) => `last picture ${at}`, nothingComes: (why) => `no picture, no sound\n${why}`, noPictures: "No pictures: the meeting forbids it", noPictureYet: "waiting for a picture",
  since: (at) => `since ${at}`, view: "See and hear it", stopView: "Stop", fullScreen: "Full screen", pictureWord: "Picture", soundWord: "Sound", rate: "Rate", lossWord: "Loss", jitterWord: "Jitter",
  connecting: "Connecting…", resting: "Nothing comes at the moment", soundOff: "The browser muted it: use the player's loudspeaker", cannotPlay: (mime) => `This browser cannot play ${mime}`, playerFailed: "The player failed, open it again", viewOver: "The time is over, open it again", viewBroken: "The connection broke, open it again",
  noStreamRight: "This account may not watch streams.",
  clock: "Clock", language: "中文", and: ", ", seconds: "s", selected: "selected",
};

let current = "zh";
try { current = localStorage.getItem("vcops.lang") === "en" ? "en" : "zh"; } catch (_) { /* storage may be off */ }

/** The language now: `zh` or `en`. */
export const lang = () => current;

/** Changes the language and remembers it. */
export function setLang(next) {
  current = next;
  try { localStorage.setItem("vcops.lang", next); } catch (_) { /* storage may be off */ }
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
  document.title = w().title;
}

/** The words now. */
export const w = () => (current === "zh" ? zh : en);

/** Both dictionaries, for the test that compares their keys. */
export const dictionaries = { zh, en };

const two = (n) => String(n).padStart(2, "0");

/** `09:02:17` or, with a day, `11-22 09:02`. */
export function clock(iso, withDay) {
  const at = new Date(iso);
  const time = two(at.getHours()) + ":" + two(at.getMinutes());
  if (withDay) return two(at.getMonth() + 1) + "-" + two(at.getDate()) + " " + time;
  return time + ":" + two(at.getSeconds());
}

/** The header's clock: `11月22日 周日 09:02:17`. */
export function today(at) {
  const days = current === "zh" ? ["周日", "周一", "周二", "周三", "周四", "周五", "周六"] : ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const date = current === "zh" ? `${at.getMonth() + 1}月${at.getDate()}日` : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${days[at.getDay()]} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `00:41`. */
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${two(Math.floor(s / 60))}:${two(s % 60)}`;
}
