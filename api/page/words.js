/** What the page itself says, in English and Chinese. What was found, the API says. */

const WORDS = {
  en: {
    product: "Product", endpoint: "Endpoint", accessKey: "Access key", secretKey: "Secret key",
    tagline: "Can it be reached, and signed in to?",
    tabTest: "Test", tabBulk: "Many", tabHistory: "History", tabReference: "API", tabChanges: "Changes",
    token: "Access token", tokenHint: "`conncheck up` prints one. It is kept in this tab's memory only.",
    signIn: "Sign in", signedIn: "Signed in", signOut: "Sign out", tokenWrong: "This token is not valid.",
    answer: "Answer", answerReal: "Test the platform", answerMock: "Mock: {0}",
    mockNote: "A mock answer: nothing was tested.",
    test: "Test", testing: "Testing …", cancel: "Cancel", options: "Options",
    timeout: "Time limit in seconds", force: "Test at once, and present a key pair that was just rejected",
    verify: "The certificate must be valid", ca: "Authority to trust (PEM)",
    fingerprint: "SHA-256 of the one certificate to accept",
    inspect: "Look at the certificate", inspecting: "Looking …",
    emptyTitle: "Nothing tested yet",
    emptyText: "Fill in the form, or take a mock answer to see what one looks like.",
    passed: "Reachable, and the key pair works", warned: "It works, with a reservation",
    failed: "Failed at {0}", running: "Testing {0}", queued: "Waiting for a worker",
    cancelled: "Cancelled", expired: "No worker was free in time", lost: "The worker died",
    next: "What to do", evidence: "How we know", alsoFound: "Also found", cause: "Cause", owner: "To mend by",
    reproduce: "See for yourself", copy: "Copy", copied: "Copied", notReached: "not reached",
    ownercaller: "you, in this form", ownernetwork: "the network", ownerplatform: "the platform", ownerus: "this service",
    waited: "waited {0} for a worker", took: "{0} in all",
    copyLink: "Copy link", download: "Download report", certificate: "Certificate", pin: "Accept only this one",
    pinned: "Pinned: a test accepts this certificate alone.", issuedBy: "Issued by", validFor: "Valid for",
    validFrom: "From", validUntil: "Until", trusted: "Trusted by this service", notTrusted: "Not trusted",
    key: "Key", close: "Close",
    dropTitle: "Drop a file of platforms here", dropText: "CSV, NDJSON or JSON, up to 50,000 platforms",
    chooseFile: "Choose a file", sample: "Download a sample", uploading: "Sending {0} …",
    total: "All", outcomepassed: "Passed", outcomewarning: "Warning", outcomefailed: "Failed", outcomequeued: "Waiting",
    outcomerunning: "Running", outcomecancelled: "Cancelled", outcomeexpired: "Expired", outcomelost: "Lost",
    perSecond: "{0} a second", endsAt: "done at about {0}", rejectedRows: "Rows left out: {0}",
    causes: "Failures by cause", inCommon: "What failed platforms have in common", results: "Results",
    clearFilter: "Show all", previous: "Previous", following: "Next", name: "Name", outcome: "Outcome", message: "Finding",
    time: "Time", retry: "Test failed ones again", another: "Another file", pageOf: "{0}–{1}",
    noResults: "No platform matches.", details: "Open", back: "Back",
    historyTitle: "Tested from this browser", historyEmpty: "Nothing has been tested from this browser yet.",
    historyNote: "Only names and outcomes are kept, in this browser. Results are forgotten by the service after a day.",
    clear: "Clear", batchOf: "{0} platforms", gone: "It is not there any more, or not yours.",
    referenceTitle: "API reference", field: "Field", type: "Type", meaning: "Meaning", required: "required", answers: "Answers",
    changesTitle: "Changes", request: "Request", loading: "Loading …", tryAgain: "Try again",
    unreachable: "The service does not answer.", main: "Main", languageName: "中文", skip: "Skip to the content",
  },
  "zh-CN": {
    product: "产品类型", endpoint: "地址", accessKey: "AccessKey", secretKey: "SecretKey",
    tagline: "连得上吗？登得进吗？",
    tabTest: "测试", tabBulk: "批量", tabHistory: "历史", tabReference: "API", tabChanges: "变更",
    token: "访问令牌", tokenHint: "`conncheck up` 启动时会显示。令牌只保存在本标签页的内存中。",
    signIn: "登录", signedIn: "已登录", signOut: "退出", tokenWrong: "令牌无效。",
    answer: "应答", answerReal: "测试平台", answerMock: "模拟：{0}",
    mockNote: "这是模拟应答：没有进行任何测试。",
    test: "测试", testing: "正在测试…", cancel: "取消", options: "选项",
    timeout: "时间上限（秒）", force: "立即测试，并重新提交刚被拒绝的密钥",
    verify: "证书必须有效", ca: "信任的 CA（PEM）",
    fingerprint: "唯一接受的证书的 SHA-256",
    inspect: "查看证书", inspecting: "正在查看…",
    emptyTitle: "尚未测试", emptyText: "请填写表单，或选择模拟应答先看看结果的样子。",
    passed: "可以连接，密钥有效", warned: "可用，但有提醒",
    failed: "失败步骤：{0}", running: "正在测试 {0}", queued: "等待工作进程",
    cancelled: "已取消", expired: "没有及时空闲的工作进程", lost: "工作进程异常退出",
    next: "建议操作", evidence: "依据", alsoFound: "同时发现", cause: "原因", owner: "处理方",
    reproduce: "自行验证", copy: "复制", copied: "已复制", notReached: "未执行",
    ownercaller: "您（本表单）", ownernetwork: "网络", ownerplatform: "平台", ownerus: "本服务",
    waited: "排队 {0}", took: "共 {0}",
    copyLink: "复制链接", download: "下载报告", certificate: "证书", pin: "只接受此证书",
    pinned: "已固定：测试只接受此证书。", issuedBy: "颁发者", validFor: "适用于",
    validFrom: "生效", validUntil: "到期", trusted: "受本服务信任", notTrusted: "不受信任",
    key: "密钥", close: "关闭",
    dropTitle: "将平台清单文件拖到这里", dropText: "CSV、NDJSON 或 JSON，最多 50,000 个平台",
    chooseFile: "选择文件", sample: "下载示例", uploading: "正在发送 {0}…",
    total: "全部", outcomepassed: "通过", outcomewarning: "提醒", outcomefailed: "失败", outcomequeued: "等待",
    outcomerunning: "进行中", outcomecancelled: "已取消", outcomeexpired: "已过期", outcomelost: "丢失",
    perSecond: "每秒 {0} 个", endsAt: "预计 {0} 完成", rejectedRows: "{0} 行被忽略",
    causes: "按原因统计的失败", inCommon: "失败平台的共同点", results: "结果",
    clearFilter: "显示全部", previous: "上一页", following: "下一页", name: "名称", outcome: "结果", message: "发现",
    time: "耗时", retry: "重新测试失败项", another: "换一个文件", pageOf: "{0}–{1}",
    noResults: "没有符合条件的平台。", details: "打开", back: "返回",
    historyTitle: "本浏览器的测试", historyEmpty: "本浏览器尚未测试过。",
    historyNote: "仅在本浏览器中保存名称和结果。服务端的结果一天后删除。",
    clear: "清空", batchOf: "{0} 个平台", gone: "已不存在，或不属于您。",
    referenceTitle: "API 参考", field: "字段", type: "类型", meaning: "含义", required: "必填", answers: "应答",
    changesTitle: "变更记录", request: "请求", loading: "正在加载…", tryAgain: "重试",
    unreachable: "服务没有应答。", main: "主导航", languageName: "English", skip: "跳到内容",
  },
};
const KEPT_AS = "conncheck.language";

let chosen = localStorage.getItem(KEPT_AS) || (navigator.language.startsWith("zh") ? "zh-CN" : "en");

export const language = () => chosen;
export const languages = () => Object.keys(WORDS);
export const words = (name) => WORDS[name];

export function choose(name) {
  chosen = name;
  localStorage.setItem(KEPT_AS, name);
}

/** Return what the page says for `key`, with `values` for {0}, {1} … */
export function say(key, ...values) {
  return WORDS[chosen][key].replace(/{(\d)}/g, (_, number) => values[number]);
}

/** Return a time in milliseconds as people say it. */
export function shownMs(ms) {
  if (ms < 1) return "<1 ms";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export const shownAt = (iso) => new Date(iso).toLocaleString(chosen, { hour12: false });
