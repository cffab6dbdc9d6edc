/** The page's own texts, in English and Chinese. The texts of findings come from the API. */

const WORDS = {
  en: {
    product: "Product", endpoint: "Endpoint", accessKey: "Access key", secretKey: "Secret key",
    tagline: "Can the platform be reached and signed in to?",
    tabTest: "Test", tabBulk: "Bulk test", tabHistory: "History", tabReference: "API", tabChanges: "Changes",
    token: "Access token", tokenHint: "`conncheck up` prints a token. This tab keeps it until you close it or sign out.",
    signIn: "Sign in", signOut: "Sign out", tokenWrong: "This token is not valid.",
    signInFirst: "Sign in first: enter a valid access token.",
    answer: "Mode", answerReal: "Test the platform", answerMock: "Mock: {0}",
    mockNote: "Mock result: nothing was tested.",
    test: "Test", testing: "Testing…", cancel: "Cancel", options: "Options",
    endpointHint: "Example: {0}. Usual ports: {2}. Default protocol: {1}.",
    portHint: "Example: {0}. Include the port.", notSet: "Not set", fieldReason: "{0}: {1}", and: "; ", byDefault: "Default: {0}",
    timeout: "Time limit (seconds)", force: "Test now, even with a key pair that was just rejected",
    verify: "Verify the certificate", ca: "CA certificates to trust (PEM)",
    fingerprint: "Pinned certificate (SHA-256)",
    expectedaccount: "Expected account", expectedtenant: "Expected tenant", expecteduser: "Expected user",
    site: "Test from", siteByRule: "Chosen by the endpoint", siteWithoutWorker: "{0} (no worker is alive)", fromSite: "from {0}",
    compare: "Compare sites", sitesToCompare: "Sites to compare", signInAll: "Sign in from each site, one after the other, until a sign-in fails",
    comparing: "Comparing {0} sites", failedFrom: "Failed from {0}", untestedFrom: "Not tested from {0}", passedFrom: ["Passed from {0} site", "Passed from {0} sites"],
    matrix: "Result of each step from each site", step: "Step", differs: "differs from other sites", differences: "Differences",
    signsIn: "signs in", notPart: "not part of this test", details: "Details", whyFailed: "Why it does not pass", listed: ", ",
    outcomewaiting: "Waiting", outcomenot_tested: "Not tested",
    inspect: "Inspect certificate",
    emptyTitle: "Nothing tested yet",
    emptyText: "Fill in the form, or choose a mock to see what a result looks like.",
    passed: "Passed", warned: "Passed with warnings",
    failed: "Failed at {0}", running: "Testing {0}", queued: "Waiting in the queue",
    cancelled: "Cancelled", expired: "No worker was free in time", lost: "The worker stopped unexpectedly",
    next: "What to do", evidence: "How we know", alsoFound: "Also found", cause: "Cause", owner: "Who can fix it",
    reproduce: "Reproduce it yourself", copy: "Copy", copied: "Copied", notCopied: "Not copied", notReached: "not reached",
    ownercaller: "you", ownernetwork: "the network team", ownerplatform: "the platform's administrator",
    ownerus: "the operators of this service",
    waited: "waited {0} in the queue", took: "{0} in total",
    copyLink: "Copy link", download: "Download report", certificate: "Certificate", pin: "Pin this certificate",
    pinned: "Pinned: tests accept only this certificate.", issuedBy: "Issued by", validFor: "Valid for", ignoredNames: "Ignored names",
    validFrom: "Valid from", validUntil: "Valid until", trusted: "Trusted by this service", notTrusted: "Not trusted",
    key: "Public key", close: "Close",
    dropTitle: "Drop a file of platforms here",
    dropText: "A table (CSV, Excel, OpenDocument), JSON or NDJSON, with up to 50,000 platforms. You see what was read before anything is tested.",
    dropFormats: "These files work too: clouds.yaml, kubeconfig, AWS credentials, MinIO and rclone configuration, Ansible inventory, Prometheus targets.",
    dropTemplate: "No list yet? Fill in a template:", template: "Template ({0})",
    chooseFile: "Choose a file", uploading: "Uploading {0}…", reading: "Reading the file…",
    tooManyFiles: "Choose at most {0} files that belong together.",
    fileChanged: "The file was changed or moved after you chose it. Choose it again.",
    testCount: ["Test {0} platform", "Test {0} platforms"], badRows: "Download invalid rows",
    badRowsCut: "The file has the first {0} of {1} invalid rows.",
    willTest: ["platform to test", "platforms to test"], willSkip: ["invalid row", "invalid rows"],
    sheet: "Sheet", encoding: "Encoding", detect: "Detect", detected: "Detected: {0}", defaultProduct: "Product of rows that name none",
    columns: "Columns", columnsText: "Check what each column is taken for. Columns that are left out are not sent anywhere.",
    column: "Column", columnNumber: "Column {0}", takenAs: "Is taken as", takenAsOf: "{0} is taken as", firstValues: "First values", note: "Note",
    leftOut: "Left out", labelNamed: "Label: {0}", labels: "Labels", platform: "Platform", host: "Host", port: "Port", scheme: "Protocol", ref: "Reference",
    firstRows: "First rows", row: "Row", reason: "Reason", validExample: "Valid example", firstOf: "The first {0} of {1}",
    notesOf: ["{0} note", "{0} notes"],
    outcomepassed: "Passed", outcomewarning: "Warning", outcomefailed: "Failed", outcomeskipped: "Skipped", outcomequeued: "Queued",
    outcomerunning: "Running", outcomecancelled: "Cancelled", outcomeexpired: "Expired", outcomelost: "Lost",
    perSecond: "{0} platforms per second", endsAt: "ends at about {0}",
    rejectedRows: ["{0} invalid row was skipped", "{0} invalid rows were skipped"],
    causes: "Failures and warnings by cause", inCommon: "What the failed platforms have in common", results: "Results",
    clearFilter: "Show all", previous: "Previous", following: "Next", name: "Name", outcome: "Outcome", message: "Finding",
    time: "Duration", retry: "Retry failed tests", retryThese: "Retry these", groupsBy: "Platforms by", noValue: "(none)", otherValues: ["{0} other value", "{0} other values"], failedOf: "{0} of {1} failed",
    removeFilter: "Remove the filter {0}", another: "Choose another file", pageOf: "{0}–{1}",
    downloadAs: "Download {0}", noResults: "No platforms match.", reasons: "Invalid rows",
    historyTitle: "Tests from this browser", historyEmpty: "Nothing has been tested from this browser yet.",
    historyNote: "This browser keeps only names and outcomes. The service deletes results after one day by default.",
    clear: "Clear history", batchOf: ["{0} platform", "{0} platforms"],
    referenceTitle: "API reference", field: "Field", type: "Type", meaning: "Meaning", required: "required", answers: "Responses",
    changesTitle: "Changes", request: "Request", loading: "Loading…",
    unreachable: "The service is not responding.", main: "Main", languageName: "中文", skip: "Skip to content",
  },
  "zh-CN": {
    product: "产品类型", endpoint: "地址", accessKey: "访问密钥", secretKey: "秘密访问密钥",
    tagline: "平台能否连接和登录？",
    tabTest: "测试", tabBulk: "批量测试", tabHistory: "历史", tabReference: "API", tabChanges: "变更",
    token: "访问令牌", tokenHint: "`conncheck up` 启动时会显示令牌。本标签页会保留令牌，直到关闭页面或退出登录。",
    signIn: "登录", signOut: "退出登录", tokenWrong: "令牌无效。",
    signInFirst: "请先登录：输入有效的访问令牌。",
    answer: "模式", answerReal: "测试平台", answerMock: "模拟：{0}",
    mockNote: "模拟结果：没有进行任何测试。",
    test: "测试", testing: "正在测试…", cancel: "取消", options: "选项",
    endpointHint: "示例：{0}。常用端口：{2}。默认协议：{1}。",
    portHint: "示例：{0}。请写明端口。", notSet: "未设置", fieldReason: "{0}：{1}", and: "；", byDefault: "默认：{0}",
    timeout: "时间上限（秒）", force: "立即测试，即使密钥对刚被拒绝",
    verify: "验证证书", ca: "信任的 CA 证书（PEM）",
    fingerprint: "固定的证书（SHA-256）",
    expectedaccount: "预期的账号", expectedtenant: "预期的租户", expecteduser: "预期的用户",
    site: "测试来源", siteByRule: "按地址自动选择", siteWithoutWorker: "{0}（没有存活的工作进程）", fromSite: "来自 {0}",
    compare: "比较站点", sitesToCompare: "要比较的站点", signInAll: "依次从每个站点登录，直到有一次登录失败",
    comparing: "正在比较 {0} 个站点", failedFrom: "从 {0} 测试失败", untestedFrom: "未能从 {0} 测试", passedFrom: "从 {0} 个站点测试均通过",
    matrix: "各站点每个步骤的结果", step: "步骤", differs: "与其他站点不同", differences: "差异",
    signsIn: "由此登录", notPart: "不在此测试中", details: "详情", whyFailed: "未通过的原因", listed: "、",
    outcomewaiting: "等待中", outcomenot_tested: "未测试",
    inspect: "查看证书",
    emptyTitle: "尚未测试", emptyText: "请填写表单，或选择一种模拟来查看结果的样子。",
    passed: "通过", warned: "通过，但有警告",
    failed: "失败步骤：{0}", running: "正在测试 {0}", queued: "正在排队",
    cancelled: "已取消", expired: "等待超时，没有空闲的工作进程", lost: "工作进程意外退出",
    next: "建议操作", evidence: "判断依据", alsoFound: "同时发现", cause: "原因", owner: "谁能解决",
    reproduce: "自行验证", copy: "复制", copied: "已复制", notCopied: "复制失败", notReached: "未执行",
    ownercaller: "您", ownernetwork: "网络团队", ownerplatform: "平台管理员",
    ownerus: "本服务的运维人员",
    waited: "排队 {0}", took: "共 {0}",
    copyLink: "复制链接", download: "下载报告", certificate: "证书", pin: "固定此证书",
    pinned: "已固定：测试只接受此证书。", issuedBy: "颁发者", validFor: "适用于", ignoredNames: "不算数的名称",
    validFrom: "生效时间", validUntil: "到期时间", trusted: "受本服务信任", notTrusted: "不受信任",
    key: "公钥", close: "关闭",
    dropTitle: "将平台清单文件拖到这里",
    dropText: "表格（CSV、Excel、OpenDocument）、JSON 或 NDJSON，最多 50,000 个平台。测试之前会先显示读取的内容。",
    dropFormats: "也可以使用：clouds.yaml、kubeconfig、AWS 凭证文件、MinIO 和 rclone 配置、Ansible 清单、Prometheus 目标。",
    dropTemplate: "还没有清单？请填写模板：", template: "模板（{0}）",
    chooseFile: "选择文件", uploading: "正在上传 {0}…", reading: "正在读取文件…",
    tooManyFiles: "最多选择 {0} 个配套的文件。",
    fileChanged: "选择文件后，文件已被修改或移动。请重新选择。",
    testCount: "测试 {0} 个平台", badRows: "下载无效的行", badRowsCut: "文件只包含 {1} 行无效数据中的前 {0} 行。",
    willTest: "个平台将被测试", willSkip: "行无效",
    sheet: "工作表", encoding: "编码", detect: "自动识别", detected: "自动识别：{0}", defaultProduct: "未写明产品的行使用的产品",
    columns: "列", columnsText: "请检查每一列的含义。忽略的列不会发送到任何地方。",
    column: "列", columnNumber: "第 {0} 列", takenAs: "含义", takenAsOf: "{0} 的含义", firstValues: "前几个值", note: "说明",
    leftOut: "忽略", labelNamed: "标签：{0}", labels: "标签", platform: "平台", host: "主机", port: "端口", scheme: "协议", ref: "引用编号",
    firstRows: "前几行", row: "行", reason: "原因", validExample: "有效示例", firstOf: "前 {0} 行，共 {1} 行",
    notesOf: "{0} 条提示",
    outcomepassed: "通过", outcomewarning: "警告", outcomefailed: "失败", outcomeskipped: "已跳过", outcomequeued: "排队中",
    outcomerunning: "进行中", outcomecancelled: "已取消", outcomeexpired: "已过期", outcomelost: "丢失",
    perSecond: "每秒 {0} 个平台", endsAt: "预计 {0} 完成",
    rejectedRows: "已跳过 {0} 行无效数据",
    causes: "按原因统计的失败和警告", inCommon: "失败平台的共同点", results: "结果",
    clearFilter: "显示全部", previous: "上一页", following: "下一页", name: "名称", outcome: "结果", message: "诊断",
    time: "耗时", retry: "重试失败的测试", retryThese: "重试所选", groupsBy: "平台分组", noValue: "（无）", otherValues: "其他 {0} 个值", failedOf: "{1} 个中 {0} 个失败",
    removeFilter: "移除筛选条件 {0}", another: "选择其他文件", pageOf: "{0}–{1}",
    downloadAs: "下载 {0}", noResults: "没有符合条件的平台。", reasons: "无效的行",
    historyTitle: "本浏览器的测试", historyEmpty: "本浏览器尚未测试过。",
    historyNote: "本浏览器只保存名称和结果。服务端默认在一天后删除结果。",
    clear: "清空历史", batchOf: "{0} 个平台",
    referenceTitle: "API 参考", field: "字段", type: "类型", meaning: "含义", required: "必填", answers: "响应",
    changesTitle: "变更记录", request: "请求", loading: "正在加载…",
    unreachable: "服务没有响应。", main: "主导航", languageName: "English", skip: "跳到内容",
  },
};
/** The fields of the form by their names in the API, as causes and problems write them. */
const FIELDS = {
  name: "name", ref: "ref", productType: "product", endpoint: "endpoint", host: "host", port: "port", scheme: "scheme",
  accessKey: "accessKey", secretKey: "secretKey",
  "options.timeoutSeconds": "timeout", "options.tls.verify": "verify", "options.tls.caCertificate": "ca",
  "options.tls.fingerprintSha256": "fingerprint", "options.force": "force", "options.site": "site",
  "options.expect.account": "expectedaccount", "options.expect.tenant": "expectedtenant", "options.expect.user": "expecteduser",
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

/** Return the text for `key` with `values` for {0}, {1} …; where it has a singular, {0} decides. */
export function say(key, ...values) {
  const text = WORDS[chosen][key];
  const form = Array.isArray(text) ? text[values[0] === 1 ? 0 : 1] : text;
  return form.replace(/{(\d)}/g, (_, number) => values[number]);
}

/** Return the label of a form field that the API calls `name`; without a label, the name itself. */
export const labelOf = (name) => (Object.hasOwn(FIELDS, name) ? say(FIELDS[name]) : name);

/** Return `text` with the labels of the form in the place of the API's names of options. */
export function labelled(text) {
  return text.replace(/options(\.\w+)+/g, (name) => (name in FIELDS ? `“${labelOf(name)}”` : name));
}

/** Return a duration in milliseconds as people read it. */
export function shownMs(ms) {
  if (ms < 1) return "<1 ms";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Return a moment in the reader's own time, with its zone. */
export const shownAt = (iso) => new Date(iso).toLocaleString(chosen, {
  dateStyle: "medium", timeStyle: "long", hourCycle: "h23",
});
