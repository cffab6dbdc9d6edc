from shared.store.jobs.sign_ins import SignIns


def test_a_job_signs_in_once() -> None:
    """A second sign-in could lock the account."""
    sign_ins = SignIns()

    assert [sign_ins.claim("a"), sign_ins.claim("a"), sign_ins.claim("b")] == [True, False, True]
    assert ("a" in sign_ins, "c" in sign_ins) == (True, False)


def test_as_many_are_remembered_as_was_said_and_no_more_than_twice_that() -> None:
    """A worker runs for months."""
    sign_ins = SignIns(most=10)

    for number in range(100):
        sign_ins.claim(str(number))

    known = [number for number in range(100) if str(number) in sign_ins]
    assert known == [*range(80, 100)]
    assert not sign_ins.claim("85")
