import json

from tests.shared.uploads.inventories.looking import entries, look
from tests.shared.uploads.uploading import CANARY, UNTOLD, read_with

CONFIGURATION = f"""\
global:
  scrape_interval: 15s
scrape_configs:
  - job_name: "node"
    static_configs:
      - targets: ["10.0.0.1:9100", "[2001:db8::1]:9100"]
        labels: {{owner: Alice, __tmp: x}}
  - job_name: secure
    scheme: https
    metrics_path: /internal/metrics
    basic_auth: {{username: u, password: {CANARY}}}
    tls_config: {{insecure_skip_verify: true}}
    static_configs: [targets: ["app.example.com"]]
  - job_name: blackbox
    metrics_path: /probe
    params: {{module: [http_2xx]}}
    static_configs:
      - targets: ["https://shop.example.com", "db.example.com:5432", "router"]
    relabel_configs:
      - source_labels: [__address__]
        target_label: __param_target
      - target_label: __address__
        replacement: 127.0.0.1:9115
  - job_name: nodes
    kubernetes_sd_configs: [role: node]
"""


def test_static_targets_become_plain_platforms() -> None:
    """Prometheus reads a page of each; an exporter reads what a relabelled target says."""
    assert entries(CONFIGURATION) == {
        "target 10.0.0.1:9100": {
            "productType": "http",
            "endpoint": "http://10.0.0.1:9100/metrics",
            "name": "10.0.0.1:9100",
            "labels": {"job": "node", "owner": "Alice"},
        },
        "target [2001:db8::1]:9100": {
            "productType": "http",
            "endpoint": "http://[2001:db8::1]:9100/metrics",
            "name": "[2001:db8::1]:9100",
            "labels": {"job": "node", "owner": "Alice"},
        },
        "target app.example.com": {
            "productType": "https",
            "endpoint": "https://app.example.com/internal/metrics",
            "name": "app.example.com",
            "options": {"tls": {"verify": False}},
            "labels": {"job": "secure"},
        },
        "target https://shop.example.com": {
            "productType": "https",
            "endpoint": "https://shop.example.com",
            "name": "https://shop.example.com",
            "labels": {"job": "blackbox"},
        },
        "target db.example.com:5432": {
            "productType": "tcp",
            "endpoint": "db.example.com:5432",
            "name": "db.example.com:5432",
            "labels": {"job": "blackbox"},
        },
        "target router": "has no port, which a test needs",
        "job nodes": "has no static_configs, but finds its targets",
    }


GROUPS = [
    {"targets": ["10.0.0.1:9100", "http://h"], "labels": {"env": "prod", "n": 7}},
    {"targets": ["10.0.0.2:443"], "labels": {"__scheme__": "https", "__metrics_path__": "/m"}},
]


def test_a_file_of_targets_has_tcp_ports() -> None:
    """The job that reads it tells the scheme, and is not in it."""
    found = entries(json.dumps(GROUPS))

    assert [(one["productType"], one["endpoint"], one.get("labels")) for one in found.values()] == [
        ("tcp", "10.0.0.1:9100", {"env": "prod", "n": "7"}),
        ("http", "http://h", {"env": "prod", "n": "7"}),
        ("https", "https://10.0.0.2:443/m", None),
    ]
    assert look(json.dumps(GROUPS))[1].format == "Prometheus targets"


def test_it_can_be_yaml() -> None:
    """Prometheus reads both."""
    assert entries("- targets:\n  - 10.0.0.1:9100\n  labels:\n    env: prod\n") == {
        "target 10.0.0.1:9100": {
            "productType": "tcp",
            "endpoint": "10.0.0.1:9100",
            "name": "10.0.0.1:9100",
            "labels": {"env": "prod"},
        }
    }


def test_labels_that_a_row_can_not_have_are_left_out() -> None:
    """A platform is still tested if one of them is too long."""
    labels = {"long": "x" * 201, "a/b": "v"} | {f"l{n}": "v" for n in range(20)}
    found = entries(json.dumps([{"targets": ["h:1"], "labels": labels}]))["target h:1"]

    assert len(found["labels"]) == 16


def test_a_target_is_named_without_what_may_be_a_password() -> None:
    """Its place and its name are stored with the results."""
    targets = [f"https://u:{CANARY}@h/a?token={CANARY}", f"u:{CANARY}@h:22", f"h:80#{CANARY}"]
    rows, _ = read_with(json.dumps([{"targets": targets}]).encode(), UNTOLD)

    assert [row.place for row in rows] == ["target https://h/a", "target h:22", "target h:80"]
    assert [row.content["name"] for row in rows] == ["https://h/a", "h:22", "h:80"]


def test_each_group_of_a_job_has_a_path_of_its_own() -> None:
    """A label of one group says nothing of the next."""
    text = (
        "scrape_configs:\n- job_name: j\n  static_configs:\n"
        "  - {targets: [a], labels: {__metrics_path__: /own}}\n  - {targets: [b]}\n"
    )

    found = entries(text)

    assert [one["endpoint"] for one in found.values()] == ["http://a/own", "http://b/metrics"]
