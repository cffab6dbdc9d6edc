import pytest

from shared.diagnosis.causes import Cause
from shared.platform.answers.unexplained import CALL_REJECTED, SIGN_IN_FORBIDDEN
from shared.platform.keys.key_pair import (
    ACCOUNT_LOCKED,
    HEADER_LOST,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    MFA_OR_SSO_REQUIRED,
    UNKNOWN_ACCESS_KEY,
)
from shared.products.zstack.refusals import (
    DATE_LOST,
    DATE_REFUSED,
    OPERATION_FAILED,
    Refusal,
    refusal_of_key,
    refuse_unable,
)
from tests.shared.products.conversation import KNOWN, answer


def words(code: str, description: str = "", details: str = "") -> dict[str, str]:
    """Return an error as ZStack describes it."""
    return {"code": code, "description": description, "details": details}


class TestRefusal:
    """What is a refusal of ZStack's?"""

    @pytest.mark.parametrize(
        ("status", "content", "code"),
        [
            (503, {"error": words("ID.1002")}, "ID.1002"),
            (503, {"error": words("HOST_ALLOCATION.1001")}, "HOST_ALLOCATION.1001"),
            (403, words("LOGIN_CONTROL.1004"), "LOGIN_CONTROL.1004"),
            (400, {"error": words("SYS.1007")}, "SYS.1007"),
            (200, {"error": words("ID.1002")}, ""),
            (401, {"error": words("AUTH.401")}, ""),  # of another platform
            (503, words("UPSTREAM.1"), ""),
            (503, {"error": words("sys.1010")}, ""),
            (503, {"error": {"code": 503}}, ""),
            (503, {"error": "SYS.1010"}, ""),
            (503, ["SYS.1010"], ""),
        ],
    )
    def test_its_code_tells(self, status: int, content: object, code: str) -> None:
        """The words beside it may be in any language."""
        assert Refusal.of(answer(status, content)).code == code

    @pytest.mark.parametrize(
        ("code", "details", "is_denial"),
        [
            ("ID.1002", "", True),
            ("SYS.1006", "operation[API:org.zstack.x.APIFooMsg] is denied by default", True),
            ("SYS.1006", "the operation is denied by the policy[name:p uuid:u]", True),
            ("SYS.1006", "操作被拒绝", True),
            ("SYS.1006", "cannot connect to the database", False),
            ("SYS.1006", "", False),
            ("SYS.1000", "denied", False),
        ],
    )
    def test_an_operation_that_failed_is_no_denial(
        self, code: str, details: str, is_denial: bool
    ) -> None:
        """One code is for both: a database that is away is not mended with a role."""
        refusal = Refusal.of(answer(503, {"error": words(code, "An operation failed", details)}))

        assert refusal.is_denial == is_denial


class TestOfKey:
    """Is it the key pair's fault?"""

    @pytest.mark.parametrize(
        ("status", "content", "cause"),
        [
            (503, {"error": words("ID.1000")}, INVALID_CREDENTIALS),
            (503, {"error": words("ID.2001")}, MFA_OR_SSO_REQUIRED),
            (503, {"error": words("ID.2002")}, MFA_OR_SSO_REQUIRED),
            (503, {"error": words("LOGIN_CONTROL.1002")}, ACCOUNT_LOCKED),
            (503, {"error": words("LOGIN_CONTROL.1003")}, MFA_OR_SSO_REQUIRED),
            (503, {"error": words("LOGIN_CONTROL.1005", "Missing captcha")}, MFA_OR_SSO_REQUIRED),
            (503, {"error": words("LOGIN_CONTROL.1005", "state is disabled")}, KEY_DISABLED),
            (503, {"error": words("SYS.1000", "An internal error happened")}, OPERATION_FAILED),
            (
                503,
                {"error": words("SYS.1006", "An operation failed", "no database")},
                OPERATION_FAILED,
            ),
            (503, {"error": words("NEW_MODULE.4711", "something new")}, OPERATION_FAILED),
            (400, "missing header 'Authorization'", HEADER_LOST),
            (400, "Authorization type must be 'OAuth'", HEADER_LOST),
            (400, "'Date' must be incuded in request header", DATE_LOST),
            (400, "'Date' format error, correct format is 'EEE, dd MMM'", DATE_REFUSED),
            (400, "the body doesn't contain action mapping to the URL", CALL_REJECTED),
            (403, "key is on holiday", SIGN_IN_FORBIDDEN),
        ],
    )
    def test_each_refusal_is_told_for_what_it_proves(
        self, status: int, content: object, cause: Cause
    ) -> None:
        """What is unknown is left open."""
        failed = refusal_of_key(answer(status, content))

        assert failed.cause is cause
        assert failed.finding.summary(KNOWN).isprintable()
        assert all(failed.finding.remedies(KNOWN))

    @pytest.mark.parametrize("code", ["LOGIN_CONTROL.1000", "ID.1005"])
    def test_a_password_that_must_be_changed_blames_no_key(self, code: str) -> None:
        """All calls of the account are refused until then; the AccessKey stays as it is."""
        failed = refusal_of_key(answer(503, {"error": words(code, "Need to change password")}))

        assert failed.cause.code == "auth.password_expired"
        assert not failed.cause.is_rejection  # it is right at once when the password is changed
        assert f"({code})" in failed.finding.summary(KNOWN)
        assert "an access key stays as it is" in failed.finding.remedies(KNOWN)[1]

    def test_a_key_of_the_other_kind_is_a_reason_for_an_unknown_one(self) -> None:
        """The keys of other clouds are on the same screen."""
        failed = refusal_of_key(answer(403, "access key id: LTAI does not existed or disabled"))

        assert failed.cause is UNKNOWN_ACCESS_KEY
        wanted = "Use a local AccessKey, not a third-party AccessKey."
        assert failed.finding.remedies({**KNOWN, "access_key_is": "ID"})[2] == wanted


class TestUnable:
    """Can the platform serve at all?"""

    @pytest.mark.parametrize("address", ["not an address", "x" * 90, "10.0.0.1; DROP"])
    def test_only_an_address_is_told_as_the_address(self, address: str) -> None:
        """It stands in a sentence of ours."""
        content = words("LOGIN_CONTROL.1004", details=f"Request from [{address}] is refused")

        with pytest.raises(Exception, match=r"auth\.source_ip_not_allowed") as caught:
            refuse_unable(answer(403, content))

        assert "seen_as" not in caught.value.finding.facts  # type: ignore[attr-defined]

    def test_a_refusal_of_another_kind_is_not_judged_here(self) -> None:
        """The key's own verdicts come later."""
        refuse_unable(answer(503, {"error": words("ID.1002")}))
