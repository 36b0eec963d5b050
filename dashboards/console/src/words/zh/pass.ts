// Those who come with a link instead of an account, and the password once more.

export const pass = {
  wallboard: "大屏",
  checklist: "自检清单",
  noRound: "联调还没有开始。",
  test: "测试本会场线路",
  inOrder: "正常",
  faulty: "有问题",
  notThere: "没有此项",
  note: "情况说明（先写，再点上面的按钮）",
  proof: "请再次输入密码",
  proofText: "此操作会影响会议或权限，请本人确认。确认后十分钟内不再询问。",
};
