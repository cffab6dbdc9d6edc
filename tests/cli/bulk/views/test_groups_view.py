from cli.bulk.views.groups_view import group_lines
from conncheck_client import BatchResult


def results(*rows: tuple[str, str, dict[str, str]]) -> list[BatchResult]:
    return [
        BatchResult(
            index=index,
            name="",
            ref="",
            product_type=product_type,
            endpoint="http://h:1",
            status=status,
            labels=labels,
        )
        for index, (product_type, status, labels) in enumerate(rows)
    ]


def test_failures_are_counted_by_each_label_and_by_product() -> None:
    """The first question after a failure is whose platform it is."""
    alice, bob = {"owner": "Alice", "site": "Berlin"}, {"owner": "Bob"}
    tested = results(
        ("zstack", "failed", alice),
        ("zstack", "failed", alice),
        ("vsphere", "passed", alice),
        ("vsphere", "failed", bob),
        ("vsphere", "passed", bob),
    )

    assert list(group_lines(tested)) == [
        "by owner: Alice 2 of 3, Bob 1 of 2",
        "by site: Berlin 2 of 3, (none) 1 of 2",
        "by product: zstack 2 of 2, vsphere 1 of 3",
    ]


def test_without_failures_or_with_one_group_nothing_is_said() -> None:
    """A nightly job that finds nothing should say next to nothing."""
    passed = results(("zstack", "passed", {"owner": "Alice"}), ("vsphere", "passed", {}))
    alone = results(("zstack", "failed", {"owner": "Alice"}), ("zstack", "passed", {}))[:1]

    assert list(group_lines(passed)) == []
    assert list(group_lines(alone)) == []


def test_many_values_are_cut_short_and_a_serial_number_is_no_group() -> None:
    """Ten thousand platforms have ten thousand serial numbers."""
    tested = results(
        *(("zstack", "failed", {"rack": str(n % 7), "serial": str(n)}) for n in range(1400))
    )

    (line,) = group_lines(tested)

    assert line.startswith("by rack: 0 200 of 200, ")
    assert line.endswith(" and 2 more")
